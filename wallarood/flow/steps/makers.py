"""The tables of who makes what, filled."""
# Each kind of operator has a line here, which names what makes it: the module is imported when the
# first stage that has such a step is compiled, so a worker without windows and joins starts sooner.
# The tables themselves are in `wallarood.flow.steps.timed`, which knows none of these modules.

import importlib
from collections.abc import Callable
from typing import Any

from wallarood.flow.steps.timed import OPERATORS, STATES
from wallarood.model.pipeline import Shape

__all__ = ["OPERATORS", "STATES"]


def _later(module: str, name: str) -> Callable[[Any], Any]:
    """What calls *name* of ``wallarood.flow.<module>``, which is imported then."""

    def make(given: Any) -> Any:
        return getattr(importlib.import_module(f"wallarood.flow.{module}"), name)(given)

    return make


OPERATORS |= {
    Shape.STAMP: _later("steps.stamp", "Stamper"),
    Shape.TIMED: _later("timed.computation", "TimedComputation"),
    Shape.DISTINCT: _later("timed.distinct", "Distinct"),
    Shape.JOIN: _later("joins.interval", "IntervalJoin"),
    Shape.JOIN_ASOF: _later("joins.asof", "AsOfJoin"),
    Shape.JOIN_WINDOW: _later("joins.windowed", "WindowJoin"),
    Shape.ENRICH: _later("joins.making", "enriching"),
    Shape.WINDOW: _later("windows.making", "windowing"),
}
STATES |= {
    Shape.STAMP: _later("steps.stamp", "time_of"),
    Shape.TIMED: _later("timed.rows", "rows_of"),
    Shape.DISTINCT: _later("timed.distinct", "times_of_keys"),
    Shape.JOIN: _later("joins.making", "rows_of"),
    Shape.JOIN_ASOF: _later("joins.making", "rows_of"),
    Shape.JOIN_WINDOW: _later("windows.making", "state_of_windows"),
    Shape.ENRICH: _later("joins.making", "state_of_table"),
    Shape.WINDOW: _later("windows.making", "state_of_windows"),
}
