"""The Trio shell: one task a file."""
