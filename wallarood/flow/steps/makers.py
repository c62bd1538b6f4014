"""The tables of who makes what, filled."""
# Each kind of operator has a line here, which names what makes it: the module is imported when the
# first stage that has such a step is compiled, so a worker without windows and joins starts sooner.
# The tables themselves are in `wallarood.flow.steps.timed`, which knows none of these modules.

import importlib
from collections.abc import Callable
from typing import Any

from wallarood.flow.steps.timed import OPERATORS, STATES
from wallarood.model.pipeline import FunctionShape

__all__ = ["OPERATORS", "STATES"]


def _later(module: str, name: str) -> Callable[[Any], Any]:
    """What calls *name* of ``wallarood.flow.<module>``, which is imported then."""

    def make(given: Any) -> Any:
        return getattr(importlib.import_module(f"wallarood.flow.{module}"), name)(given)

    return make


OPERATORS |= {
    FunctionShape.STAMP: _later("steps.stamp", "Stamper"),
    FunctionShape.TIMED: _later("timed.computation", "TimedComputation"),
    FunctionShape.DISTINCT: _later("timed.distinct", "Distinct"),
    FunctionShape.JOIN: _later("joins.interval", "IntervalJoin"),
    FunctionShape.JOIN_ASOF: _later("joins.asof", "AsOfJoin"),
    FunctionShape.JOIN_WINDOW: _later("joins.windowed", "WindowJoin"),
    FunctionShape.ENRICH: _later("joins.making", "enriching"),
    FunctionShape.WINDOW: _later("windows.making", "windowing"),
}
STATES |= {
    FunctionShape.STAMP: _later("steps.stamp", "time_of"),
    FunctionShape.TIMED: _later("timed.rows", "rows_of"),
    FunctionShape.DISTINCT: _later("timed.distinct", "times_of_keys"),
    FunctionShape.JOIN: _later("joins.making", "rows_of"),
    FunctionShape.JOIN_ASOF: _later("joins.making", "rows_of"),
    FunctionShape.JOIN_WINDOW: _later("windows.making", "state_of_windows"),
    FunctionShape.ENRICH: _later("joins.making", "state_of_table"),
    FunctionShape.WINDOW: _later("windows.making", "state_of_windows"),
}
