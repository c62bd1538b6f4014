"""Streams that meet other streams and tables."""
