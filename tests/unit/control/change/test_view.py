"""Who is in the cluster, who is heard of, and how many decide."""

import attrs
import pytest
from support.nodes import member, record

from wallarood.control.change.view import View
from wallarood.model.ids import Address

TRIO = ("alpha", "beta", "gamma")


def view_of(*names: str) -> View:
    """What beta sees of a cluster of *names*."""
    return View(member("beta", starts=2), record("beta", *names))


def test_a_member_hears_of_itself_only_at_first() -> None:
    view = view_of(*TRIO)
    assert (view.leader, view.workers, view.epoch) == ("alpha", TRIO, 1)
    assert view.away == ("alpha", "gamma")


def test_who_attaches_is_there_and_who_is_lost_is_away() -> None:
    view = view_of(*TRIO)
    for name in ("gamma", "alpha"):
        view.is_up(member(name))
    assert view.away == ()
    view.is_down("alpha")
    view.is_down("alpha")
    assert view.away == ("alpha",)


def test_a_member_is_known_as_it_was_last_seen_also_while_it_is_away() -> None:
    view = view_of(*TRIO)
    moved = attrs.evolve(member("gamma", starts=3), control=Address("127.0.0.9", 9))
    view.is_up(moved)
    view.is_down("gamma")
    assert view.member("gamma") == moved
    assert view.members == (member("alpha"), member("beta", starts=2), moved)


@pytest.mark.parametrize(("members", "majority"), [(2, 2), (3, 2), (4, 3), (5, 3)])
def test_more_than_half_decide(members: int, majority: int) -> None:
    names = ("alpha", "beta", "gamma", "delta", "epsilon")[:members]
    assert view_of(*names).majority == majority
