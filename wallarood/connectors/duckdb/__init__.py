"""Tables of DuckDB: a sink that is exactly once, and a source by rowid. Needs duckdb."""
