"""State that moves: each key is on the worker that owns its slot, as it was, and on no other."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.flow.keys import Partitioner, canonical, hold
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import (
    Choice,
    is_by_key,
    keep_only,
    met,
    put_together,
    slot_of,
)
from wallarood.flow.state.state import State
from wallarood.flow.watermarks import Clock
from wallarood.model.errors import LocalProtocolError
from wallarood.model.time import StampsFrom, TimeSettings
from wallarood.model.topology import StageKind

SLOTS = 16


@attrs.frozen
class Pair:
    left: int
    right: str


plain_keys = st.one_of(st.integers(), st.text(max_size=4), st.binary(max_size=4), st.booleans())
keys = st.one_of(
    plain_keys,
    st.tuples(plain_keys),
    st.tuples(plain_keys, plain_keys),
    st.builds(Pair, st.integers(0, 9), st.text(max_size=2)),
)


@given(keys)
def test_a_key_that_a_state_holds_has_the_slot_by_which_its_records_are_routed(key: Any) -> None:
    slot = Partitioner(SLOTS)(key)
    assert slot_of(canonical(key), SLOTS) == slot
    assert slot_of(hold(key), SLOTS) == slot


def captured(state: State, number: int, before: list[bytes]) -> list[bytes]:
    """The chain of chunks with the capture *number* of *state* at its end."""
    state.capture(number, number - 1)
    while state.capturing:
        state.encode_some()
    part = state.finish()
    state.committed(number)
    return [*([] if part.base else before), *part.chunks]


def keyed_life(changes: list[tuple[int, bool]]) -> tuple[list[bytes], dict[Any, Any]]:
    """The chunks of a base and a change for each of *changes*, and what is there at the end."""
    state = KeyedState("counts", list)
    state.put({number: ["first"] for number in range(40)})
    chunks = captured(state, 1, [])
    for number, (key, stays) in enumerate(changes, start=2):
        if stays:
            state.put({key: [number]})
        else:
            state.delete([key])
        chunks = captured(state, number, chunks)
    return chunks, rows_in(state)


def bucket_life(changes: list[tuple[int, bool]]) -> tuple[list[bytes], dict[Any, Any]]:
    """As `keyed_life`, with rows in buckets of which some are dropped as a whole."""
    state = BucketState("sums")
    for start in (0, 10):
        state.put((start, start + 10), {number: [start] for number in range(20)})
    chunks = captured(state, 1, [])
    for number, (key, stays) in enumerate(changes, start=2):
        bucket = (key % 4 * 10, key % 4 * 10 + 10)
        if stays:
            state.put(bucket, {key: [number]})
        else:
            state.drop(bucket)
        chunks = captured(state, number, chunks)
    return chunks, rows_in(state)


def keyed_rows(chunks: list[bytes]) -> dict[Any, Any]:
    state = KeyedState("counts", list)
    state.restore(chunks)
    return rows_in(state)


def bucket_rows(chunks: list[bytes]) -> dict[Any, Any]:
    state = BucketState("sums")
    state.restore(chunks)
    return rows_in(state)


Life = Callable[[list[tuple[int, bool]]], tuple[list[bytes], dict[Any, Any]]]
KINDS: list[tuple[Life, Callable[[list[bytes]], dict[Any, Any]], Callable[[], State]]] = [
    (keyed_life, keyed_rows, partial(KeyedState, "counts", list)),
    (bucket_life, bucket_rows, partial(BucketState, "sums")),
]
lives = st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=12)


def slot_in(name: Any) -> int:
    key = name[1] if isinstance(name, tuple) else name
    return slot_of(key, SLOTS)


@pytest.mark.parametrize(("life", "rows_of", "new"), KINDS)
@given(st.tuples(lives, lives), st.sets(st.integers(0, SLOTS - 1)))
def test_what_moves_is_added_to_what_stays_and_nothing_else_changes(
    life: Life,
    rows_of: Callable[[list[bytes]], dict[Any, Any]],
    new: Callable[[], State],
    changes: tuple[list[tuple[int, bool]], list[tuple[int, bool]]],
    moving: set[int],
) -> None:
    slots = frozenset(moving)
    others = frozenset(range(SLOTS)) - slots
    own_chunks, own = life(changes[0])
    their_chunks, theirs = life(changes[1])
    base = put_together(new(), [Choice(new(), others, SLOTS).of(chunk) for chunk in own_chunks])
    gained = put_together(new(), [Choice(new(), slots, SLOTS).of(chunk) for chunk in their_chunks])
    expected = {name: row for name, row in own.items() if slot_in(name) in others}
    assert rows_of(list(base)) == expected
    assert rows_of(list(put_together(new(), base))) == expected
    expected |= {name: row for name, row in theirs.items() if slot_in(name) in slots}
    assert rows_of([*base, *gained]) == expected
    # The worker that gives them away keeps its chunks, and leaves out what is not its own.
    giver = new()
    giver.restore(their_chunks)
    keep_only(giver, others, SLOTS)
    left = {name: row for name, row in theirs.items() if slot_in(name) in others}
    assert rows_in(giver) == left


def rows_in(state: State) -> dict[Any, Any]:
    match state:
        case KeyedState():
            return dict(state.by_key)
        case BucketState():
            tables = state.buckets.items()
            return {(b, key): row for b, rows in tables for key, row in rows.items()}
        case _:
            raise AssertionError(state)


def test_which_states_are_by_key() -> None:
    assert is_by_key(KeyedState("a", list))
    assert is_by_key(BucketState("a"))
    assert not is_by_key(AtOnce("a", Clock()))


def clock_at(time: int, *, grace: int = 0) -> bytes:
    clock = Clock(time, grace)
    return clock.encode()


def test_a_source_goes_on_from_the_slowest_watermark_and_others_from_the_highest() -> None:
    chunks = [clock_at(7), clock_at(90, grace=5), clock_at(30)]
    clock = partial(AtOnce, "@step", Clock())
    assert met(clock(), StageKind.SOURCE, chunks) == chunks[0]
    assert met(clock(), StageKind.PARTITIONED, chunks) == chunks[1]
    assert met(clock(), StageKind.PARTITIONED, chunks[2:]) == chunks[2]


def test_partitions_of_a_source_keep_their_times_and_the_slowest_holds_the_source() -> None:
    settings = TimeSettings(stamps=StampsFrom.SOURCE)
    read = []
    for worker, highest in (("a", 100), ("b", 20)):
        time = SourceTime(settings)
        time.observe(f"of {worker}", highest)
        time.advance(0)
        read.append(time.encode())
    joined = met(AtOnce("stamp", SourceTime(settings)), StageKind.SOURCE, read)
    watermark, rows = json.loads(joined)
    low = json.loads(read[1])[0]
    assert watermark == low
    assert rows.keys() == {"of a", "of b"}
    assert rows["of a"] == json.loads(read[0])[1]["of a"]


def test_a_single_state_cannot_meet_another() -> None:
    state = AtOnce("all", SharedObject("all", 3))
    one = state.of.encode()
    assert met(state, StageKind.STATEFUL, [one]) == one
    with pytest.raises(LocalProtocolError, match="'all' is on several workers"):
        met(state, StageKind.STATEFUL, [one, one])
