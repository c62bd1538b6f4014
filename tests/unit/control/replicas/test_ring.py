"""Everybody's parts are kept by another, and everybody keeps those of one."""

import pytest

from wallarood.control.replicas.ring import holder_of, keeper_of, owner_of
from wallarood.model.change import Gone, Why
from wallarood.model.ids import NO_SEAT

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
    keepers = {name: keeper_of(name, workers, gone) for name in workers}
    assert keepers == {"alpha": "alpha", "beta": "beta", "gamma": "alpha"}
