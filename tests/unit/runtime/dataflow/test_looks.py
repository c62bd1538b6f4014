"""Taps see some of the records that pass, or those of a key; nothing is held up by them."""

import pytest

from wallarood.flow.sampled.hot_keys import HotKeys
from wallarood.flow.sampled.slots import SlotCounts, SlotGroups
from wallarood.model.batch import Batch
from wallarood.runtime.dataflow.looks import ENOUGH, EVERY_S, OF_A_BATCH, Looks, Tap, is_called


def test_a_tap_takes_a_few_of_each_batch_until_it_has_enough() -> None:
    tap = Tap(8, repr)
    looks = Looks(taps=[tap])
    looks.look(Batch(list(range(100))))
    assert tap.taken == [(None, repr(number)) for number in range(0, 100, 20)]
    assert len(tap.taken) == OF_A_BATCH
    assert not tap.full.is_set()
    looks.look(Batch(["a", "b", "c", "d"], [1, 2, 3, 4]))
    assert tap.taken[OF_A_BATCH:] == [("1", "'a'"), ("2", "'b'"), ("3", "'c'")]
    assert tap.full.is_set()
    looks.look(Batch([1]))
    assert len(tap.taken) == 8


def test_of_a_key_every_record_is_taken_and_none_on_a_stream_without() -> None:
    tap = Tap(100, repr, key="7")
    looks = Looks(taps=[tap])
    looks.look(Batch(list(range(100)), [number % 10 for number in range(100)]))
    looks.look(Batch(["seven"], ["7"]))
    looks.look(Batch([7, 7]))
    assert [record for _, record in tap.taken] == [
        *(repr(number) for number in range(100) if number % 10 == 7),
        "'seven'",
    ]


def test_slots_are_counted_by_the_keys_that_are_looked_at() -> None:
    slots = SlotCounts(SlotGroups(4, (0, 1, 2, 3)))
    looks = Looks(HotKeys(), slots)
    looks.look(Batch([1]))  # no keys
    for _ in range(5):
        looks.look(Batch(list(range(64)), list(range(64))))
    assert sum(slots.counts) == 5 * 8
    assert looks.hot_keys is not None
    assert looks.hot_keys.samples == 5 * 8


@pytest.mark.parametrize(
    ("key", "text", "called"),
    [
        ("a b", "a b", True),
        ("'a'", "a", False),
        (7, "7", True),
        (True, "True", True),
        (True, "1", False),
        (("a", 1), "('a', 1)", True),
    ],
)
def test_a_key_is_called_as_its_author_writes_it(key: object, text: str, called: bool) -> None:
    assert is_called(key, text) is called


def test_keys_are_counted_only_where_there_are_some() -> None:
    looks = Looks(HotKeys())
    looks.look(Batch([1, 2]))
    for _ in range(10):
        looks.look(Batch([1, 2], ["a", "a"]))
    assert looks.hot_keys is not None
    assert looks.hot_keys.hottest(1) == [("a", 1.0)]


def test_of_thousands_of_batches_a_second_some_are_looked_at_once_enough_is_known() -> None:
    now = 0.0
    looks = Looks(HotKeys(), clock=lambda: now)
    hot_keys = looks.hot_keys
    assert hot_keys is not None
    while hot_keys.samples < ENOUGH:  # so each batch counts, however fast they come
        before = hot_keys.samples
        looks.look(Batch(list(range(64)), list(range(64))))
        assert hot_keys.samples == before + 8
    looked_at = 0
    for _ in range(100):
        now += EVERY_S / 10
        before = hot_keys.total
        looks.look(Batch([1], ["a"]))
        looked_at += hot_keys.total > before
    assert looked_at in (9, 10, 11)
    now += 1.0
    before = hot_keys.samples
    looks.look(Batch([1], ["a"]))
    assert hot_keys.samples == before + 1
