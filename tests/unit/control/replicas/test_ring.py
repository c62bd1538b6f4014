"""Everybody's parts are kept by another, and everybody keeps those of one."""

import pytest

from wallarood.control.replicas.ring import holder_of, owner_of

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
