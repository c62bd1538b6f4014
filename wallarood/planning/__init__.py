"""From a pipeline and a list of workers to a topology: pure, deterministic, the same everywhere."""
