"""A whole cluster on this host, for development and demonstration."""
