"""The state of a key is found by what the key is called, in each kind of state."""

from typing import Any

import pytest

import wallarood as w
from wallarood.admin.peeking.states import largest, look_up
from wallarood.flow.keys import canonical, hold
from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState


def keyed(*keys: Any, form: Any = canonical) -> KeyedState:
    state = KeyedState("count", list)
    for key in keys:
        state.of(form(key)).append(key)
    return state


@pytest.mark.parametrize("form", [canonical, hold])
@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a b", "a b"),
        (7, "7"),
        ("7", "'7'"),
        (True, "True"),
        (("a", 1), "('a', 1)"),
        (b"x", "b'x'"),
    ],
)
def test_a_key_is_found_in_whatever_form_it_is_held(key: Any, text: str, form: Any) -> None:
    state = keyed(key, "another", form=form)
    assert look_up(state, text) == [{"value": repr([key])}]
    assert look_up(state, "missing") == []


def test_looking_makes_no_state_and_changes_none() -> None:
    state = keyed("a")
    state.capture(1, 0)
    while state.capturing:
        state.encode_some()
    state.finish()
    state.committed(1)
    look_up(state, "a")
    look_up(state, "b")
    assert list(state.by_key) == ["a"]
    state.capture(2, 1)
    assert not state.capturing  # nothing has changed


def test_a_key_is_told_for_each_bucket_it_is_in() -> None:
    state = BucketState("window")
    state.put((0, 10), {"a": [1], "b": [2]})
    state.put((10, 20), {"a": [3]})
    assert look_up(state, "a") == [
        {"value": "[1]", "bucket": "(0, 10)"},
        {"value": "[3]", "bucket": "(10, 20)"},
    ]


def test_a_state_for_all_records_is_told_whatever_the_key() -> None:
    assert look_up(AtOnce("total", SharedObject("total", {"n": 1})), "") == [{"value": "{'n': 1}"}]


async def test_the_largest_states_come_first() -> None:
    state = keyed()
    for size in range(500):
        state.of(f"key {size}").extend(["x" * 10] * size)
    found = await largest(state, 3)
    assert [each["key"] for each in found] == ["key 499", "key 498", "key 497"]
    assert found[0]["bytes"] > found[1]["bytes"] > 500


def with_state(function: Any, declare: Any, **options: Any) -> None:
    declare(state=list, **options)(function)


@pytest.mark.parametrize(
    "declare", [w.state_computation, w.state_computation_multi, w.state_computation_batch]
)
def test_no_user_code_with_a_state_runs_beside_the_event_loop(declare: Any) -> None:
    """Else a state could be seen while a thread, or what is awaited, is changing it."""

    def plain(record: int, state: list[int]) -> list[int]:
        return [*state, record]

    async def awaited(record: int, state: list[int]) -> list[int]:
        return [*state, record]

    with_state(plain, declare)
    with pytest.raises(w.PipelineError, match="unknown option 'blocking'"):
        with_state(plain, declare, blocking=True)
    with pytest.raises(w.PipelineError, match="coroutine function"):
        with_state(awaited, declare)
