"""The way in which every machine takes an event: what its table says is so, or it is a bug."""

from enum import Enum

import attrs
import pytest

from wallarood.control.effects import Effect, Report
from wallarood.control.events import Event, JobDrained, JobHalted, TimerFired
from wallarood.control.machine import Table, transition
from wallarood.model.errors import LocalProtocolError


class Phase(Enum):
    OPEN = "open"
    CLOSED = "closed"
    LOST = "lost"


TABLE: Table = {
    (Phase.OPEN, TimerFired): frozenset({Phase.CLOSED}),
    (Phase.OPEN, JobDrained): frozenset({Phase.OPEN, Phase.CLOSED}),
    (Phase.CLOSED, TimerFired): frozenset(),
}


@attrs.define
class Door:
    """A machine that goes where it is told to, whatever its table says."""

    goes_to: Phase | None = None
    phase: Phase = Phase.OPEN
    TRANSITIONS = TABLE

    def take(self, event: Event, now: float) -> list[Effect]:
        self.phase = self.goes_to or self.phase
        return [Report(f"{type(event).__name__} at {now:g}")]


def test_the_only_way_is_taken_by_the_table() -> None:
    door = Door()
    assert transition(door, TimerFired(), 1.0) == [Report("TimerFired at 1")]
    assert door.phase is Phase.CLOSED


def test_of_several_ways_the_machine_takes_one() -> None:
    stays, goes = Door(), Door(goes_to=Phase.CLOSED)
    for door in (stays, goes):
        transition(door, JobDrained(), 1.0)
    assert (stays.phase, goes.phase) == (Phase.OPEN, Phase.CLOSED)


def test_a_straggler_is_dropped() -> None:
    door = Door(goes_to=Phase.OPEN, phase=Phase.CLOSED)
    assert transition(door, TimerFired(), 1.0) == []
    assert door.phase is Phase.CLOSED


def test_an_event_that_the_table_does_not_have_is_a_bug() -> None:
    with pytest.raises(LocalProtocolError, match="no row for JobHalted in"):
        transition(Door(), JobHalted(), 1.0)


@pytest.mark.parametrize("event", [TimerFired(), JobDrained()])
def test_a_way_that_the_table_does_not_have_is_a_bug(event: Event) -> None:
    with pytest.raises(LocalProtocolError, match="may not become"):
        transition(Door(goes_to=Phase.LOST), event, 1.0)
