"""Applications shipped with the package; run them with `wallarood demo NAME`."""
