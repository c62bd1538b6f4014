"""For application authors: run a pipeline on lists or by a script, with and without crashes."""

from wallarood.testing.crashes import run_with_crashes, run_with_crashes_async
from wallarood.testing.lists import run, run_async
from wallarood.testing.outlets import HintWarning
from wallarood.testing.script import ScriptStep, checkpoint, crash, feed, idle, stop, wall

__all__ = [
    "HintWarning",
    "ScriptStep",
    "checkpoint",
    "crash",
    "feed",
    "idle",
    "run",
    "run_async",
    "run_with_crashes",
    "run_with_crashes_async",
    "stop",
    "wall",
]
