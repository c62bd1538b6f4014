"""What all machines have in common."""

from typing import ClassVar, Protocol

from wallarood.control.effects import Effect
from wallarood.control.events import Event


class Machine(Protocol):
    """A machine: it takes its INPUTS, which are kinds of events and of messages."""

    INPUTS: ClassVar[tuple[type, ...]]

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
