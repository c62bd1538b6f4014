"""The state of one key, and the keys with the largest states, as they are at this moment."""
# Theory of operation
# ===================
# A state is looked at on the event loop, between two batches: user code that runs there has done
# with it, so it is whole. No user code has a state elsewhere: what is declared with a state is
# neither blocking nor a coroutine function (a test checks that). Sizes are those of the encoded
# state. Of many keys only some are looked at, evenly spread, a few at a time, so that records keep
# flowing.

from ast import literal_eval
from collections.abc import Iterator, Mapping
from contextlib import suppress
from heapq import nlargest
from typing import Any

import trio

from wallarood.admin.peeking.shown import shown
from wallarood.flow.keys import canonical, hold, original, shown_key
from wallarood.flow.state.at_once import AtOnce, SharedObject
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.stored.encode import encode_states
from wallarood.model.errors import ApplicationError
from wallarood.runtime.dataflow.job import Job

LOOKED_AT_MAX = 50_000
AT_ONCE = 200


def states_of(job: Job | None, computation: str) -> list[State]:
    """The states of *computation* here."""
    if job is None:
        return []
    return [
        states[computation] for states in job.collector.states.values() if computation in states
    ]


def computations_of(job: Job | None) -> list[str]:
    """What has state here."""
    if job is None:
        return []
    found = [
        name
        for stage in job.wiring.stages
        for name in job.collector.states.get(stage.index, {})
        if name in stage.steps
    ]
    return sorted(found)


def forms_of(text: str) -> Iterator[Any]:
    """The forms in which a key may be held that is called *text*: a str, or another literal."""
    keys: list[Any] = [text]
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        keys.append(literal_eval(text))
    for key in keys:
        for form in (canonical, hold):
            try:
                yield form(key)
            except ApplicationError:  # nothing that can be a key
                continue


def look_up(state: State, text: str) -> list[dict[str, str]]:
    """What *state* has of the key that is called *text*: a value, or one for each bucket."""
    forms = list(forms_of(text))
    match state:
        case KeyedState():
            held = next((each for each in forms if each in state.by_key), None)
            return [] if held is None else [{"value": shown(state.by_key[held])}]
        case BucketState():
            return [
                {"value": shown(rows[held]), "bucket": shown(bucket)}
                for bucket, rows in state.buckets.items()
                for held in [next((each for each in forms if each in rows), None)]
                if held is not None
            ]
        case AtOnce(of=SharedObject() as shared):
            return [{"value": shown(shared.value)}]
        case _:
            return []


async def largest(state: State, count: int) -> list[dict[str, Any]]:
    """The *count* keys with the largest states, of those that are looked at."""
    found: list[tuple[int, str]] = []
    for rows in tables_of(state):
        keys = list(rows)
        step = max(1, len(keys) // LOOKED_AT_MAX)
        keys = keys[::step]
        for start in range(0, len(keys), AT_ONCE):
            for key in keys[start : start + AT_ONCE]:
                if key in rows:  # else it was deleted meanwhile
                    found.append((_size(state.computation, key, rows[key]), _called(key)))
            found = nlargest(count, found)
            await trio.lowlevel.checkpoint()
    return [{"key": key, "bytes": size} for size, key in nlargest(count, found)]


def tables_of(state: State) -> list[Mapping[Any, Any]]:
    """The tables of keys that *state* has: one, or one for each bucket of time."""
    match state:
        case KeyedState():
            return [state.by_key]
        case BucketState():
            return list(state.buckets.values())
        case _:
            return []


def _size(computation: str, key: Any, value: Any) -> int:
    return sum(map(len, encode_states(computation, [key], [value])))


def _called(held: Any) -> str:
    key = original(held)
    return key if isinstance(key, str) else shown_key(canonical(key) if key is not held else held)
