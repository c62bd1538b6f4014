"""Tables of SQLite: a sink that is exactly once, and a source by rowid."""
