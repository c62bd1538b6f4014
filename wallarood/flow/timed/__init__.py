"""Computations that wait for time: timers, expiry, distinct records."""
