"""How slots are loaded is told by samples, in bounded memory, and never by chance."""

import random

import pytest

from wallarood.flow.keys import Partitioner, slot_of
from wallarood.flow.sampled.slots import GROUPS_MAX, REST, SAMPLES_MAX, SlotCounts, SlotGroups


def mine(slots: int, *, every: int = 3) -> SlotGroups:
    """The slots of one of so many workers, that are dealt out."""
    return SlotGroups(slots, tuple(range(0, slots, every)))


def keys_of(groups: SlotGroups, *, count: int, least: int = 0) -> list[int]:
    """Keys that come to these slots, from slot *least* on."""
    owned = {slot for slot in groups.owned if slot >= least}
    found = (key for key in range(10_000_000) if slot_of(key, groups.slots) in owned)
    return [next(found) for _ in range(count)]


@pytest.mark.parametrize("slots", [1, 2, 16, 17, 256, 4096])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_slot_is_in_one_of_a_few_groups(slots: int, workers: int) -> None:
    groups = mine(slots, every=workers)
    bounds = groups.bounds
    assert len(bounds) <= GROUPS_MAX
    for slot, group in groups.by_slot().items():
        first, last = bounds[group]
        assert first <= slot <= last
    assert set(groups.by_slot()) == set(groups.owned)
    sizes = [list(groups.by_slot().values()).count(group) for group in range(len(bounds))]
    assert set(sizes[:-1]) <= {groups.width}


def test_a_slot_is_that_by_which_records_are_routed() -> None:
    partition_of = Partitioner(256)
    for key in ("a", 7, True, ("a", 1), b"x"):
        assert slot_of(key, 256) == partition_of(key)


def test_even_keys_are_not_skewed_though_chance_is_never_even() -> None:
    draw = random.Random(5)
    groups = mine(256)
    counts = SlotCounts(groups)
    keys = keys_of(groups, count=4000)
    for _ in range(40 * REST):
        counts.look(draw.sample(keys, 8))
    assert counts.is_known
    assert counts.skew() == pytest.approx(1.0, abs=0.15)
    assert sum(share for *_, share in counts.shares()) == pytest.approx(1.0, abs=0.01)


def test_slots_with_most_of_the_records_are_found() -> None:
    groups = mine(256)
    counts = SlotCounts(groups)
    mixed = keys_of(groups, count=100) + keys_of(groups, count=900, least=groups.bounds[-1][0])
    counts.look(mixed)
    first, last, share = max(counts.shares(), key=lambda each: each[2])
    assert (first, last) == groups.bounds[-1]
    assert share == pytest.approx(0.9, abs=0.05)
    skew = counts.skew()
    assert skew is not None
    assert skew > 10


def test_before_there_are_samples_enough_nothing_is_said() -> None:
    counts = SlotCounts(mine(256))
    counts.look(keys_of(counts.groups, count=20))
    assert counts.shares() == []
    assert counts.skew() is None


def test_once_enough_is_known_most_batches_cost_nothing() -> None:
    groups = mine(256)
    counts = SlotCounts(groups)
    keys = keys_of(groups, count=1000)
    counts.look(keys)
    for _ in range(10 * REST):
        counts.look(keys)
    assert sum(counts.counts) == 11 * len(keys)


def test_with_one_slot_there_is_no_skew() -> None:
    counts = SlotCounts(SlotGroups(1, (0,)))
    counts.look(list(range(1000)))
    assert counts.skew() is None


def test_what_was_long_ago_counts_little() -> None:
    groups = mine(64)
    counts = SlotCounts(groups)
    old = keys_of(groups, count=100, least=groups.owned[-1])
    for _ in range(REST * SAMPLES_MAX // 100):
        counts.look(old)
    new = keys_of(groups, count=1000)
    for _ in range(6 * REST * SAMPLES_MAX // 1000):
        counts.look(new)
    assert sum(counts.counts) <= SAMPLES_MAX + 1000
    assert max(share for *_, share in counts.shares()) < 0.2


def test_what_is_no_key_does_not_stop_the_stage() -> None:
    counts = SlotCounts(mine(64))
    counts.look([1.5, object()])
    assert sum(counts.counts) == 0
