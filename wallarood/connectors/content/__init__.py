"""What stands in the files that a sink writes, whichever sink."""
