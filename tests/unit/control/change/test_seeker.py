"""A member dials those that should dial it, when they are away for long."""

import pytest
from support.nodes import member, record

from wallarood.control.change.effects import Seek
from wallarood.control.change.seeker import SEEK_S, Seeker
from wallarood.control.change.view import View
from wallarood.control.events import MemberDown, MemberUp, TimerFired

TRIO = ("alpha", "beta", "gamma")


def seeker(name: str, *here: str) -> tuple[Seeker, View]:
    view = View(member(name), record(name, *TRIO))
    for other in here:
        view.is_up(member(other))
    return Seeker(view, now=0.0), view


@pytest.mark.parametrize(
    ("name", "here", "sought"),
    [
        ("alpha", (), [Seek("beta"), Seek("gamma")]),
        ("alpha", ("beta",), [Seek("gamma")]),
        ("beta", (), [Seek("gamma")]),
    ],
)
def test_who_is_away_for_long_is_dialled(name: str, here: tuple[str, ...], sought: object) -> None:
    machine, _ = seeker(name, *here)
    assert machine.deadline == SEEK_S
    assert machine.step(TimerFired(), SEEK_S - 1) == []
    assert machine.step(TimerFired(), SEEK_S) == sought
    assert machine.deadline == 2 * SEEK_S


@pytest.mark.parametrize(("name", "here"), [("gamma", ()), ("alpha", ("beta", "gamma"))])
def test_who_is_dialled_by_nobody_that_is_away_waits_for_nothing(
    name: str, here: tuple[str, ...]
) -> None:
    machine, _ = seeker(name, *here)
    assert machine.deadline is None


def test_the_time_counts_from_when_it_went_away() -> None:
    machine, view = seeker("alpha", "beta", "gamma")
    machine.step(MemberUp(member("beta")), 5.0)
    view.is_down("beta")
    machine.step(MemberDown("beta"), 50.0)
    assert machine.deadline == 50.0 + SEEK_S
