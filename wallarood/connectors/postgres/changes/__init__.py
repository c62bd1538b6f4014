"""Changes of tables of PostgreSQL, by logical replication."""
