"""Which machines take an event."""

from typing import ClassVar

import attrs
import pytest
from support.nodes import founding, record

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control import routing
from wallarood.control.change.effects import WriteVote
from wallarood.control.formation.startup import Role
from wallarood.control.machines import Machines
from wallarood.control.replicas.events import RoundOver
from wallarood.control.settings import NodeSettings, Timing
from wallarood.model.change import Vote


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


@pytest.mark.parametrize("effect", [do.HaltJob(), WriteVote(Vote(1)), do.ReadHoldings("a")])
def test_replicas_end_before_a_vote_is_written_and_before_holdings_are_read(
    effect: do.Effect,
) -> None:
    made = Machines.of(founding("beta"), Role.JOINER, None, classes=None, now=0.0)
    assert routing.follows(made, effect) == []
    made.form(
        founding("beta"), record("beta", "alpha", "beta"), settings=NodeSettings(Timing()), now=0.0
    )
    assert routing.follows(made, effect) == [RoundOver()]
    assert routing.follows(made, do.JobDone()) == []
