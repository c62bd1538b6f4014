"""The wall clock of this host."""

import time


def wall_clock() -> int:
    """Microseconds since 1970 UTC, as this host has it."""
    return time.time_ns() // 1000
