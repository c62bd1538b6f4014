"""Captures of keyed state while records keep changing it, against copies of the whole state."""

import gc
import random
from types import FunctionType, ModuleType

import attrs
import pytest

from wallarood.flow.state import capture as capture_module
from wallarood.flow.state import keyed as state_module
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.stored.decode import DELETED, decode_states
from wallarood.model.checkpoint import StatePart


@attrs.define
class Sum:
    value: int = 0


def contents(chunks: list[bytes]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chunk in chunks:
        for keys, states in decode_states(chunk):
            if states is DELETED:
                for key in keys:
                    found.pop(key, None)
            else:
                found.update(zip(keys, (each.value for each in states), strict=True))
    return found


@attrs.define
class Trial:
    """A state with random work, captures that are given up, and commits that come late.

    `grouped`: states are worked on as batch computations do it. `deletes`: how often keys go.
    """

    random: random.Random
    grouped: bool = False
    deletes: float = 0
    state: KeyedState = attrs.field(factory=lambda: KeyedState("sums", Sum))
    truth: dict[int, int] = attrs.field(factory=dict)
    at_capture: dict[int, dict[int, int]] = attrs.field(factory=dict)
    chains: dict[int, list[bytes]] = attrs.field(factory=dict)
    parts: list[StatePart] = attrs.field(factory=list)
    number: int = 0
    committed: int = 0

    def work(self) -> None:
        low = self.random.randrange(60)
        keys = [self.random.randrange(low, 80) for _ in range(self.random.randrange(1, 9))]
        if self.random.random() < 0.1:
            self.begin(keys)
            return
        if self.grouped:
            self.state.touch(keys)
            states = map(self.state.of, keys)
        else:
            states = self.state.use(keys)
        for key, state in zip(keys, states, strict=True):
            state.value += 1
            self.truth[key] = self.truth.get(key, 0) + 1

    def begin(self, keys: list[int]) -> None:
        """Those that have no state get one, the first that there is for it."""
        states = self.state.put_missing(keys, [Sum(self.number) for _ in keys])
        self.state.mark_all([key for key in keys if key not in self.truth])
        for key in keys:
            self.truth.setdefault(key, self.number)
        assert [state.value for state in states] == [self.truth[key] for key in keys]

    def delete(self) -> None:
        low = self.random.randrange(80)
        keys = [self.random.randrange(low, 81) for _ in range(self.random.randrange(1, 30))]
        gone = self.state.pop(keys)
        assert [state and state.value for state in gone] == [self.truth.pop(k, None) for k in keys]

    def capture(self) -> None:
        self.number += 1
        self.state.capture(self.number, self.committed)
        self.at_capture[self.number] = dict(self.truth)

    def encode(self) -> None:
        if self.state.capturing:
            self.state.encode_some()
        elif self.number and self.number not in self.chains:
            part = self.state.finish()
            self.parts.append(part)
            before = [] if part.base else self.chains[part.since]
            self.chains[self.number] = [*before, *part.chunks]

    def commit(self) -> None:
        higher = [number for number in self.chains if number > self.committed]
        if higher:
            self.committed = self.random.choice(higher)
            self.state.committed(self.committed)

    def crash(self) -> None:
        if self.committed:
            self.state = KeyedState("sums", Sum)
            self.state.restore(self.chains[self.committed])
            self.truth = dict(self.at_capture[self.committed])
            assert {key: each.value for key, each in self.state.by_key.items()} == self.truth
            self.chains = {n: c for n, c in self.chains.items() if n <= self.committed}
            self.number += 1
            self.capture()

    def run(self, steps: int) -> None:
        actions = (self.work, self.capture, self.encode, self.commit, self.crash, self.delete)
        for _ in range(steps):
            self.random.choices(actions, (12, 1, 16, 2, 0.1, self.deletes))[0]()


@pytest.mark.parametrize("seed", range(200))
def test_what_was_deleted_stays_deleted_in_every_capture_and_restore(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "PIECE_KEYS", 7)
    monkeypatch.setattr(state_module, "IN_USE_KEYS_MAX", seed % 4 * 30)
    trial = Trial(random.Random(seed), grouped=seed % 5 == 0, deletes=(0.5, 2, 6)[seed % 3])

    trial.run(400)

    assert trial.chains
    for number, chunks in trial.chains.items():
        assert contents(chunks) == trial.at_capture[number]


def captured(state: KeyedState, number: int, *, since: int) -> StatePart:
    state.capture(number, since)
    while state.capturing:
        state.encode_some()
    return state.finish()


def test_a_base_that_is_abandoned_does_not_take_a_deletion_with_it() -> None:
    state = KeyedState("sums", Sum)
    state.put({key: Sum(key) for key in range(10)})
    first = captured(state, 1, since=0)
    state.committed(1)
    state.delete(range(6))
    assert captured(state, 2, since=1).base

    third = captured(state, 3, since=1)

    before = [] if third.base else list(first.chunks)
    assert contents([*before, *third.chunks]) == {key: key for key in range(6, 10)}


def test_a_deleted_key_costs_nothing_once_its_deletion_is_committed() -> None:
    state = KeyedState("sums", Sum)
    state.put({key: Sum(key) for key in range(10)})
    captured(state, 1, since=0)
    state.committed(1)
    state.delete([3])
    assert captured(state, 2, since=1).keys == 1
    state.committed(2)

    assert captured(state, 3, since=2).keys == 0
    assert 3 not in state.by_key


@pytest.mark.parametrize("seed", range(200))
def test_a_capture_is_the_state_at_its_moment(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "PIECE_KEYS", 7)
    # Between none and all of the keys are found in the table of those in use.
    monkeypatch.setattr(state_module, "IN_USE_KEYS_MAX", seed % 4 * 30)
    trial = Trial(random.Random(seed), grouped=seed % 5 == 0)

    trial.run(400)

    assert trial.chains
    for number, chunks in trial.chains.items():
        assert contents(chunks) == trial.at_capture[number]


def test_bases_and_changes_are_both_made() -> None:
    trial = Trial(random.Random(1))

    trial.run(2000)

    assert {part.base for part in trial.parts} == {True, False}


def test_what_is_stored_stays_within_a_few_times_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "PIECE_KEYS", 7)
    trial = Trial(random.Random(2))
    for _ in range(300):
        trial.work()
        trial.capture()
        while trial.number not in trial.chains:
            trial.encode()
        trial.commit()

    stored = sum(
        len(keys) for chunk in trial.chains[trial.number] for keys, _ in decode_states(chunk)
    )
    assert stored <= 2 * len(trial.truth)


@pytest.mark.parametrize("late", [False, True])
def test_keys_that_come_and_go_leave_nothing_behind(late: bool) -> None:
    """Also if each commit is heard of only after the next capture: checkpoints that are slow."""
    live, fresh, rounds = 1000, 100, 150
    state = KeyedState("sums", Sum)
    parts: list[StatePart] = []
    kept: list[int] = []
    for number in range(1, rounds + 1):
        start = number * fresh
        state.put({key: Sum(key) for key in range(start, start + fresh)})
        state.delete(range(start - live, start - live + fresh))
        known = max(0, number - 1 - late)
        state.capture(number, known)
        if late and known < number - 1:
            state.committed(number - 1)
        while state.capturing:
            state.encode_some()
        parts.append(state.finish())
        if not late:
            state.committed(number)
        kept.append(objects_in(state))

    settled = parts[2 * live // fresh :]
    changes = [part for part in settled if not part.base]
    assert len(changes) > len(settled) / 2
    assert max(part.keys for part in changes) <= 4 * fresh
    assert max(part.keys for part in settled) <= live
    assert kept[-1] <= 1.2 * kept[2 * live // fresh]


def objects_in(whole: object) -> int:
    """How many objects can be reached from *whole*."""
    seen, waiting = {id(whole)}, [whole]
    while waiting:
        for each in gc.get_referents(waiting.pop()):
            if id(each) not in seen and not isinstance(each, type | FunctionType | ModuleType):
                seen.add(id(each))
                waiting.append(each)
    return len(seen)


def test_a_checkpoint_is_no_larger_for_keys_that_are_worked_on_one_by_one() -> None:
    def size(work: bool) -> int:
        state = KeyedState("sums", Sum)
        state.put({key: Sum(key) for key in range(5000)})
        state.capture(1, 0)
        for key in range(5000) if work else ():
            state.touch((key,))
            state.of(key).value = -1
        while state.capturing:
            state.encode_some()
        part = state.finish()
        assert contents(list(part.chunks)) == {key: key for key in range(5000)}
        return sum(map(len, part.chunks))

    assert size(work=True) < 1.5 * size(work=False)


def test_no_step_of_a_capture_encodes_more_than_a_chunk() -> None:
    state = KeyedState("sums", Sum)
    keys = list(range(5 * capture_module.PIECE_KEYS))
    state.put({key: Sum(key) for key in keys})
    state.capture(1, 0)
    steps = 0
    while state.capturing:
        state.encode_some()
        steps += 1
        assert state.encoded <= steps * capture_module.PIECE_KEYS

    part = state.finish()

    assert part.keys == len(keys)
    assert contents(list(part.chunks)) == {key: key for key in keys}


@pytest.mark.parametrize("error", [StopIteration, SystemExit])
def test_a_state_that_cannot_be_made_among_many_leaves_the_others(error: type) -> None:
    calls: list[None] = []

    def make() -> Sum:
        calls.append(None)
        if len(calls) <= 2:  # asked for all at once, and then when it is drawn
            raise error
        return Sum()

    state = KeyedState("sums", make)
    state.by_key.update({key: Sum() for key in range(state_module.IN_USE_KEYS_MAX + 1)})
    found = state.use([0, -1, 1])
    first = next(found)
    with pytest.raises(error):
        next(found)
    assert [first, *found] == [state.by_key[0], state.by_key[1]]


def test_a_state_is_at_a_checkpoint_until_something_changes_in_it() -> None:
    for change in (
        lambda state: list(state.use([1])),
        lambda state: state.put({3: Sum()}),
        lambda state: state.delete([2]),
        lambda state: state.of(2),
        lambda state: state.mark([1]),
    ):
        state = KeyedState("sum", Sum)
        list(state.use([1, 2]))
        assert not state.is_at(0)
        captured(state, 4, since=0)
        assert state.is_at(4)
        assert not state.is_at(3)
        change(state)
        assert not state.is_at(4)


def test_a_base_is_put_off_but_for_the_first_and_asked_for() -> None:
    state = KeyedState("sum", Sum)
    made = []
    for number, postponed in ((1, 1), (2, 0), (3, 1), (4, 0), (5, 0)):
        list(state.use([1, 2]))
        state.postpone_base(postponed)
        made.append(captured(state, number, since=number - 1).base)
        state.committed(number)
    assert made == [True, False, False, True, False], "the third was due"
    state.base_next()
    assert captured(state, 6, since=5).base
