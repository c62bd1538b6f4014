"""Whatever a step keeps is captured and restored in the same way."""

from collections.abc import Callable
from typing import Any

import pytest

from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State

KEYS = [f"k{n}" for n in range(100)]


def keyed() -> KeyedState:
    return KeyedState("it", list)


def buckets() -> BucketState:
    return BucketState("it")


def shared() -> AtOnce:
    return AtOnce("it", SharedObject("it", []))


def fill_keyed(state: Any) -> None:
    for key, kept in zip(KEYS, state.use(KEYS), strict=True):
        kept.append(key)


def fill_buckets(state: Any) -> None:
    state.put((0, 10), {key: [key] for key in KEYS})


def fill_shared(state: Any) -> None:
    state.of.value.extend(KEYS)


def content(state: State) -> Any:
    match state:
        case KeyedState():
            return dict(state.by_key)
        case BucketState():
            return state.buckets
        case AtOnce(of=SharedObject() as of):
            return of.value
        case _:
            raise AssertionError(state)


@pytest.mark.parametrize(
    ("make", "fill"), [(keyed, fill_keyed), (buckets, fill_buckets), (shared, fill_shared)]
)
def test_what_is_captured_comes_back(
    make: Callable[[], State], fill: Callable[[State], None]
) -> None:
    before = make()
    fill(before)
    before.capture(1, 0)
    while before.capturing:
        before.encode_some()
    part = before.finish()
    after = make()
    after.restore(part.chunks)
    assert (part.computation, part.base, content(after)) == ("it", True, content(before))
    assert content(after)
