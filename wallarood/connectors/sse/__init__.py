"""Server-sent events as a source."""
