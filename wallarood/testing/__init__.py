"""For application authors: run a pipeline on lists."""

from wallarood.testing.lists import run, run_async

__all__ = ["run", "run_async"]
