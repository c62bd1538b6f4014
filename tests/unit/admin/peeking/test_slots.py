"""Keys are counted by the slots that route their records, in whatever form they are held."""

from typing import Any

import pytest

from wallarood.admin.peeking import slots
from wallarood.admin.peeking.slots import keys_by_group
from wallarood.flow.keys import canonical, hold, slot_of
from wallarood.flow.sampled.slots import SlotGroups
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState

ALL = SlotGroups(8, tuple(range(8)))


def keyed(keys: list[Any], form: Any) -> KeyedState:
    state = KeyedState("count", list)
    for key in keys:
        state.of(form(key)).append(key)
    return state


@pytest.mark.parametrize("form", [canonical, hold])
async def test_each_key_is_counted_in_the_group_of_its_slot(form: Any) -> None:
    keys = [*range(500), *(f"k{n}" for n in range(500)), True, ("a", 1)]
    found = await keys_by_group(keyed(keys, form), ALL)
    assert [(each["first"], each["last"]) for each in found] == [(n, n) for n in range(8)]
    assert [each["keys"] for each in found] == [
        sum(slot_of(key, 8) == slot for key in keys) for slot in range(8)
    ]


async def test_of_very_many_keys_a_part_is_counted_and_stands_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "LOOKED_AT_MAX", 1000)
    found = await keys_by_group(keyed(list(range(40_000)), canonical), ALL)
    assert sum(each["keys"] for each in found) == pytest.approx(40_000, abs=8)
    assert all(each["keys"] == pytest.approx(5000, rel=0.3) for each in found)


async def test_keys_are_counted_in_each_bucket_of_time() -> None:
    state = BucketState("window")
    state.put((0, 10), {"a": 1, "b": 2})
    state.put((10, 20), {"a": 3})
    assert sum(each["keys"] for each in await keys_by_group(state, ALL)) == 3
