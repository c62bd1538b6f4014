"""What the connectors of databases in one file share."""
