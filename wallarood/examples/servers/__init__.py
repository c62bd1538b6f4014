"""Applications that need a server: run them with `wallarood dev`."""
