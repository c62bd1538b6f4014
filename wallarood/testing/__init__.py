"""For application authors: run a pipeline on lists."""
