"""Applications that need an extra of the package: run them with `wallarood dev`."""
