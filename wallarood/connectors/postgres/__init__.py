"""PostgreSQL: a sink of rows by COPY or by key."""
