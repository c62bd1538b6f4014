"""Which machines take an event."""

from typing import ClassVar

import attrs

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control import routing


@attrs.define
class Listener:
    """A machine that only counts."""

    INPUTS: ClassVar[tuple[type, ...]] = (on.TimerFired, on.MemberDown)

    name: str
    deadline: float | None = None

    def step(self, event: on.Event, now: float) -> list[do.Effect]:
        return [do.Report(f"{self.name}: {type(event).__name__} at {now}")]


def test_an_event_goes_to_those_machines_only_whose_input_it_is() -> None:
    machines = [Listener("a"), Listener("b")]
    assert routing.give(machines, on.MemberDown("x"), 1.0) == [
        do.Report("a: MemberDown at 1.0"),
        do.Report("b: MemberDown at 1.0"),
    ]
    assert routing.give(machines, on.ConnectionLost(1), 1.0) == []
