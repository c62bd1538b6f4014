"""HTTP: requests as a source, and as a sink."""
