"""Everybody's parts are kept by another, and everybody keeps those of one."""

import attrs
import pytest
from support.nodes import changed, member, record

from wallarood.control.replicas.ring import (
    holder_of,
    keeper_of,
    owner_of,
    saved_by_older_layout,
)
from wallarood.model.change import Gone, PartName, Why
from wallarood.model.cluster_record import Layout
from wallarood.model.ids import NO_SEAT, Seat

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_ring_has_everybody_once(count: int) -> None:
    workers = NAMES[:count]
    holders = [holder_of(name, workers) for name in workers]
    assert sorted(holders) == sorted(workers)
    assert all(holder != name for holder, name in zip(holders, workers, strict=True))
    assert all(owner_of(holder_of(name, workers), workers) == name for name in workers)


def test_of_two_each_keeps_the_other() -> None:
    assert [holder_of(name, ("alpha", "beta")) for name in ("alpha", "beta")] == ["beta", "alpha"]


def test_the_part_of_a_lost_worker_is_had_from_its_holder() -> None:
    workers = NAMES[:3]
    gone = (Gone("gamma", NO_SEAT, Why.EVICTED), Gone("beta", NO_SEAT, Why.LEFT))
    change = changed(record("alpha", *workers), "alpha", gone=gone)
    keepers = {name: keeper_of(member(name), workers, change) for name in workers}
    assert keepers == {"alpha": "alpha", "beta": "beta", "gamma": "alpha"}


def test_so_is_that_of_one_that_was_gone_before_but_not_if_another_has_taken_its_place() -> None:
    """In an older layout there may be such ones: beta left, gamma was replaced since.

    Its holder may be the one that is lost now.
    """
    workers = NAMES[:3]
    change = changed(record("alpha", *workers), "alpha", "gamma")
    now = attrs.evolve(member("gamma"), seat=Seat("now"))
    change = attrs.evolve(change, members=(member("alpha"), now))
    gamma = attrs.evolve(member("gamma"), seat=Seat("before"))
    assert keeper_of(member("beta"), workers, change) == "gamma"
    assert keeper_of(gamma, workers, change) == "gamma"
    again = attrs.evolve(change, gone=(Gone("gamma", gamma.seat, Why.REPLACED),))
    assert keeper_of(gamma, workers, again) == "alpha"


SAVED = {
    # It joins: all were there before, and each has copies of another.
    ("alpha beta gamma", "alpha beta gamma delta"): "alpha beta gamma delta",
    # The only one before had no holder: its own disk has the only copy.
    ("alpha", "alpha beta"): "beta",
    # The holder of beta is gone, and alpha is the holder of the one that is gone.
    ("alpha beta gamma", "alpha beta"): "",
    ("alpha beta gamma delta", "alpha beta gamma"): "beta",
}


@pytest.mark.parametrize(("before", "after"), SAVED)
def test_after_a_change_the_older_layout_saves_those_whose_parts_are_on_other_disks(
    before: str, after: str
) -> None:
    was, now = before.split(), after.split()
    old = record("alpha", *was)
    change = changed(old, *now)
    layout = Layout(old.topology, tuple(member(name) for name in was))
    saved = []
    for name in now:
        mine = attrs.evolve(old, worker=name, change=change, before=layout)
        owner = owner_of(name, tuple(was)) if name in was else ""
        kept = [PartName(1, owner, change.basis.round, change.basis.number)]
        if saved_by_older_layout(mine, kept):
            saved.append(name)
        if owner:
            assert not saved_by_older_layout(mine, ()), "there were no copies"
        assert not saved_by_older_layout(attrs.evolve(mine, before=None), kept)
    assert " ".join(saved) == SAVED[before, after]
