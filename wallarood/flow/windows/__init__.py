"""Windows: records of a key gathered by when they happened, one kind a file."""
