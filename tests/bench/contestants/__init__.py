"""The contestants, one file each; every file runs in a process and environment of its own."""
