"""The cluster grows and shrinks, whatever dies, stalls or is parted meanwhile."""

import functools
import re
from typing import Any

import pytest
from world.changing import ChangingWorld, live
from world.errors import ViolationError
from world.kinds import KINDS
from world.planted_changes import PLANTED_CHANGES

SEEDS = 120
LOST = 60
CHUNK = 30
ALL = ("alpha", "beta", "gamma", "delta", "epsilon")
NAMES = ALL[:4]


def chunks(lives: int) -> list[Any]:
    """The first seed of each piece of *lives*; all but the first are more of the same."""
    return [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(CHUNK, lives, CHUNK))]


@functools.cache
def lived(seed: int) -> ChangingWorld:
    """A life of one to four workers, of which some leave and to which others come."""
    return live(seed, NAMES[: (3, 2, 1, 4)[seed % 4]])


def lost(seed: int) -> ChangingWorld:
    """A life in which a worker and its disk are lost, of which the next one has a copy."""
    return live(seed, ALL[: (3, 5, 3, 4)[seed % 4]], loses=True)


@pytest.mark.parametrize("first", chunks(SEEDS))
def test_the_output_is_that_of_a_world_that_never_changes(first: int) -> None:
    for seed in range(first, first + CHUNK):
        lived(seed)


def test_changes_do_happen() -> None:
    worlds = [lived(seed) for seed in range(CHUNK)]
    logs = [line for world in worlds for line in world.log]
    assert sum(world.epoch > 1 for world in worlds) > CHUNK / 2
    assert sum(world.epoch > 2 for world in worlds) > CHUNK / 5
    for what in ("dies", "has left the cluster", "is started to join", "the change is abandoned"):
        assert any(what in line for line in logs), what


def test_a_kind_of_lives_is_this() -> None:
    KINDS["change"](4)


@pytest.mark.parametrize("name", PLANTED_CHANGES)
def test_a_planted_bug_of_changes_is_caught(name: str) -> None:
    """The first violation is the one that the bug must cause; anything else is no catch."""
    options, says = PLANTED_CHANGES[name]
    first = "no violation"
    for seed in range(SEEDS):
        try:
            live(seed, NAMES[: (3, 2, 1, 4)[seed % 4]], **options)
        except ViolationError as error:
            first = f"{str(error).splitlines()[0]} (seed {seed})"
            break
    assert re.search(says, first)


@pytest.mark.parametrize("first", chunks(LOST))
def test_a_host_that_burns_is_evicted_and_nothing_is_lost(first: int) -> None:
    worlds = [lost(seed) for seed in range(first, first + CHUNK)]
    assert sum(bool(world.lost) for world in worlds) > CHUNK / 5
    for world in worlds:
        assert not world.lost & set(world.members)
