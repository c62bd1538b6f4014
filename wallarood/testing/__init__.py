"""For application authors: run a pipeline on lists, with and without crashes."""

from wallarood.testing.crashes import run_with_crashes, run_with_crashes_async
from wallarood.testing.lists import run, run_async
from wallarood.testing.stages import HintWarning

__all__ = ["HintWarning", "run", "run_async", "run_with_crashes", "run_with_crashes_async"]
