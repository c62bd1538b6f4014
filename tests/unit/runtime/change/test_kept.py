"""What stays in memory through a change is what the disk has: less what went, and what came."""

import threading

from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import slot_of
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.topology import Topology
from wallarood.runtime.change.kept import Gone, Kept, KeptState, Noted

BASIS = CheckpointId(1, 7)
TOPOLOGY = Topology(2, "app", ("alpha",), (), ())
CHANGE = Change(2, (), (), TOPOLOGY, (), BASIS, 1, 2, 0)
SLOTS = 8
KEYS = list(range(100))
LOST = frozenset((2, 5))
CHUNKS = frozenset(((6, 0), (7, 0)))


def state_of(keys: list[int]) -> KeyedState:
    state = KeyedState("sum", int)
    state.put(dict.fromkeys(keys, 1))
    return state


def staying() -> list[int]:
    return [key for key in KEYS if slot_of(key, SLOTS) not in LOST]


def gone_with(chunks: set[tuple[int, int]], keys: list[int]) -> Gone:
    return {("sum", LOST): Noted(chunks, [keys])}


def taken(kept: KeptState, gone: Gone) -> list[int]:
    states = Kept(CHANGE, {"sum": kept}, gone)
    new = KeyedState("sum", int)
    assert states.begin(BASIS, CHANGE) == {"sum"}
    assert states.take(new)
    assert not states.take(new), "what was taken is worked on"
    return sorted(new.by_key)


def test_keys_that_were_handed_over_are_forgotten_without_a_look_at_the_others() -> None:
    kept = KeptState(state_of(KEYS), (), LOST, SLOTS, CHUNKS)
    moved = [key for key in KEYS if key not in staying()]
    assert taken(kept, gone_with(set(CHUNKS), moved)) == staying()
    # What is noted counts, not what a look at each key would find.
    assert (
        taken(KeptState(state_of(KEYS), (), LOST, SLOTS, CHUNKS), gone_with(set(CHUNKS), []))
        == KEYS
    )


def test_where_not_all_was_noted_they_are_looked_for() -> None:
    for gone in ({}, gone_with({(6, 0)}, [1]), {("other", LOST): Noted(set(CHUNKS), [[1]])}):
        assert taken(KeptState(state_of(KEYS), (), LOST, SLOTS, CHUNKS), gone) == staying()


def test_what_came_is_beside_what_was_here() -> None:
    kept = KeptState(state_of([1, 2]), (state_of([3]), state_of([4, 5])))
    assert taken(kept, {}) == [1, 2, 3, 4, 5]
    assert taken(KeptState(None, (state_of([3]),)), {}) == [3]
    assert taken(KeptState(None), {}) == []


def test_a_new_state_is_as_after_a_restore_and_makes_what_is_missing() -> None:
    kept = Kept(CHANGE, {"sum": KeptState(state_of([1]))}, {})
    new = KeyedState("sum", lambda: 9)
    assert kept.take(new)
    assert list(new.use([1, 2])) == [1, 9]
    new.capture(8, 7)
    while new.capturing:
        new.encode_some()
    part = new.finish()
    assert (part.base, part.keys) == (False, 2)


def test_nothing_is_taken_for_another_checkpoint_or_another_change() -> None:
    for checkpoint, change in ((CheckpointId(2, 8), CHANGE), (BASIS, None)):
        kept = Kept(CHANGE, {"sum": KeptState(state_of([1]))}, {})
        assert kept.begin(checkpoint, change) == frozenset()
        assert not kept.take(KeyedState("sum", int))


def test_what_was_prepared_is_as_what_is_put_together_when_it_is_taken() -> None:
    moved = [key for key in KEYS if key not in staying()]
    for gone in ({}, gone_with(set(CHUNKS), moved)):
        kept = Kept(CHANGE, {"sum": KeptState(state_of(KEYS), (), LOST, SLOTS, CHUNKS)}, gone)
        kept.prepare()
        assert kept.begin(BASIS, CHANGE) == {"sum"}
        new = KeyedState("sum", lambda: 9)
        assert kept.take(new)
        assert sorted(new.by_key) == staying()
        assert next(new.use([1000])) == 9, "it makes states as its computation does"
        assert not kept.take(KeyedState("sum", int))


def test_nothing_that_was_prepared_is_taken_for_another_checkpoint() -> None:
    kept = Kept(CHANGE, {"sum": KeptState(state_of([1]))}, {})
    kept.prepare()
    assert kept.begin(CheckpointId(2, 8), CHANGE) == frozenset()
    assert not kept.take(KeyedState("sum", int))


def test_who_takes_a_state_waits_until_it_is_prepared() -> None:
    many = list(range(200_000))
    kept = Kept(CHANGE, {"sum": KeptState(state_of(many), (), LOST, SLOTS, CHUNKS)}, {})
    thread = threading.Thread(target=kept.prepare)
    thread.start()
    new = KeyedState("sum", int)
    assert kept.take(new)
    thread.join()
    assert sorted(new.by_key) == [key for key in many if slot_of(key, SLOTS) not in LOST]


def test_where_something_came_the_next_capture_is_a_base() -> None:
    kept = Kept(CHANGE, {"sum": KeptState(state_of([1]), (state_of([2, 3]),))}, {})
    kept.prepare()
    new = KeyedState("sum", int)
    assert kept.take(new)
    new.capture(8, 7)
    while new.capturing:
        new.encode_some()
    part = new.finish()
    assert (part.base, part.keys) == (True, 3)
