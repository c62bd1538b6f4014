"""Redis: streams as source and sink, and a hash of latest values."""
