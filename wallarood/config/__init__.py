"""The configuration: its keys, how it is read, its units."""
