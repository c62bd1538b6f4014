"""Files: sources that read and follow them, sinks that write them."""
