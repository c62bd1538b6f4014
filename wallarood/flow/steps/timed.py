"""Operators that know time, and who makes which of them."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeAlias

import attrs

from wallarood.flow.failures import Failure
from wallarood.flow.state.state import State
from wallarood.flow.steps.operators import Operator
from wallarood.flow.watermarks import Clock
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape, Step

Wall: TypeAlias = Callable[[], int]
"""The wall clock, in microseconds since 1970 UTC."""


class Timed(Operator, Protocol):
    """An operator that is told how far time has come."""

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """What follows from no record before *time* being still to come; MAX_TIME is the end.

        It is drawn slice by slice, and state changes as it is drawn: nothing else happens to the
        operator until it has been drawn to the end. *time* grows from call to call.
        """

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:
        """What follows from the wall clock showing *now*; drawn as `on_watermark`."""

    @property
    def wall_due(self) -> int | None:
        """When `on_wall` must be called next; None if it need not be."""


@attrs.frozen
class Making:
    """What an operator is made of. `clock` has its watermark, and is in the checkpoint."""

    step: Step
    computation: Computation
    state: Any
    clock: Clock
    wall: Wall


OPERATORS: dict[FunctionShape, Callable[[Making], Operator]] = {}
"""Who makes the operator of a computation of a shape with state; all others see `compile`."""
STATES: dict[FunctionShape, Callable[[Step], State]] = {}
"""Who makes its state, where that is no `KeyedState`."""


OF_CLOCKS: Final = "@"
"""What names of clocks begin with, and no name of a step."""


def clock_name(step: str) -> str:
    """What the watermark of *step* is called in a checkpoint; no step can have this name."""
    return f"{OF_CLOCKS}{step}"
