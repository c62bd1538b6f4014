"""The disk, for all that write files: storage and connectors."""
