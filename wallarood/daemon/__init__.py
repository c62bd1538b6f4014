"""The daemon: builds all parts and runs them."""
