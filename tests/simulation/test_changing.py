"""The cluster grows and shrinks, whatever dies, stalls or is parted meanwhile."""

import functools
import re
from typing import Any

import pytest
from world.bound import bind
from world.changing import ChangingWorld, live
from world.errors import ViolationError
from world.healing import CutCable
from world.kinds import KINDS, healing, lost
from world.paired import pair
from world.planted_changes import PLANTED_CHANGES
from world.restored import forget
from world.world import lived as checked

SEEDS = 120
LOST = 60
HEALING, RESTORED = 7, 8
CHUNK = 10
"""So many are lived in each run: `test_brief` lives a thousand short ones as well."""
ALL = ("alpha", "beta", "gamma", "delta", "epsilon")
NAMES = ALL[:4]


def chunks(lives: int) -> list[Any]:
    """The first seed of each piece of *lives*; all but the first are more of the same."""
    return [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(CHUNK, lives, CHUNK))]


@functools.cache
def lived(seed: int) -> ChangingWorld:
    """A life of one to four workers, of which some leave and to which others come."""
    return live(seed, NAMES[: (3, 2, 1, 4)[seed % 4]])


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


@pytest.mark.long
def test_no_host_burns_before_the_first_commit_of_a_newer_version() -> None:
    """Its parts have no copies by then, and those of the version before do not count."""
    KINDS["mixed"](105)


def test_a_copy_of_an_older_layout_will_do_where_no_round_ran_since() -> None:
    """A worker joins and burns at once, and then another one, before any round of these epochs."""
    KINDS["mixed"](222)


RARE = {
    "a ballot is used twice": 17,
    "a choice is taken for committed before it is copied": 33,
    "a copy is written after a vote": 21,
    "a journal is acknowledged after a promise": 55,
    "a lower ballot is accepted": 93,
    "a part is said to be staged before it is durable": 21,
    "an old layout is pruned when a change is adopted": 2,
    "an upgrade is proposed where the version before runs": 2,
    "what was accepted is ignored by who wants another change": 37,
    "who leaves goes before another has adopted": 6,
}
"""The seed at which the search for a violation begins where few lives have it, to save time."""


@pytest.mark.parametrize("name", PLANTED_CHANGES)
def test_a_planted_bug_of_changes_is_caught(name: str) -> None:
    """The first violation is the one that the bug must cause; anything else is no catch."""
    options, says = PLANTED_CHANGES[name]
    found = "no violation"
    first = RARE.get(name, 0)
    for seed in range(first, first + SEEDS):
        try:
            live(seed, **{"workers": NAMES[: (3, 2, 1, 4)[seed % 4]], **options})
        except ViolationError as error:
            found = f"{str(error).splitlines()[0]} (seed {seed})"
            break
    assert re.search(says, found)


@pytest.mark.parametrize("first", chunks(LOST))
def test_a_host_that_burns_is_evicted_and_nothing_is_lost(first: int) -> None:
    worlds = [lost(seed) for seed in range(first, first + CHUNK)]
    assert sum(bool(world.lost) for world in worlds) > CHUNK / 5
    for world in worlds:
        assert not world.lost & set(world.members)


@pytest.mark.parametrize("first", [0, pytest.param(6, marks=pytest.mark.long)])
def test_one_of_two_that_has_accepted_alone_goes_on_without_the_one_that_is_certified_dead(
    first: int,
) -> None:
    worlds = [bind(seed) for seed in range(first, 2 * first + 6)]
    assert sum(bool(world.bound) for world in worlds) > len(worlds) / 2
    logs = [line for world in worlds for line in world.log]
    for what in ("is finished without the vote of", "taken: evict: begun"):
        assert any(what in line for line in logs), what
    for world in worlds:
        assert not world.lost & set(world.members)


@pytest.mark.parametrize("first", [0, pytest.param(2, marks=pytest.mark.long)])
def test_who_alone_has_what_was_acknowledged_is_not_evicted_with_its_holder(first: int) -> None:
    worlds = [pair(seed) for seed in range(first, 2 * first + 2)]
    assert any(world.pair for world in worlds)
    for world in worlds:
        assert world.refused == bool(world.pair)
        assert set(world.pair) <= set(world.members)
    with pytest.raises(ViolationError, match=r"acknowledged, and \d+ are left"):
        pair(next(seed for seed, world in enumerate(worlds, first) if world.pair), allowed=True)


def test_a_cluster_heals_by_itself_and_nothing_is_lost() -> None:
    worlds = [healing(seed) for seed in range(HEALING)]
    logs = [line for world in worlds for line in world.log]
    assert sum(bool(world.lost) for world in worlds) > HEALING / 4
    for world in worlds:
        assert not world.lost & set(world.members)
    for what in ("evicting", "cut off"):
        assert any(what in line for line in logs), what


def test_a_cut_cable_between_two_of_three_evicts_nobody() -> None:
    world = checked(CutCable(0, ALL[:3]), 0)
    assert not any("evicting" in line for line in world.log)
    assert any("lost contact" in line for line in world.log)


def test_a_directory_that_was_put_back_votes_no_more_and_nothing_is_lost() -> None:
    worlds = [forget(seed, ALL[: (3, 5, 4)[seed % 3]]) for seed in range(RESTORED)]
    assert sum(bool(world.forgetful) for world in worlds) > RESTORED / 5
    assert any("has no vote" in line for world in worlds for line in world.log)
