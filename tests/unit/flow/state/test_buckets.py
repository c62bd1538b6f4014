"""Captures of rows in buckets while records change and time drops them, against whole copies."""

import copy
import random
from typing import Any

import attrs
import pytest

from wallarood.flow.state import capture as capture_module
from wallarood.flow.state.buckets import Bucket, BucketState
from wallarood.model.checkpoint import StatePart

Contents = dict[Bucket, dict[int, Any]]


def contents(chunks: list[bytes]) -> Contents:
    state = BucketState("sums")
    state.restore(chunks)
    return state.buckets


@attrs.define
class Trial:
    """Rows that are put or changed in place, buckets that are dropped and begun again."""

    random: random.Random
    state: BucketState = attrs.field(factory=lambda: BucketState("sums"))
    truth: Contents = attrs.field(factory=dict)
    at_capture: dict[int, Contents] = attrs.field(factory=dict)
    chains: dict[int, list[bytes]] = attrs.field(factory=dict)
    parts: list[StatePart] = attrs.field(factory=list)
    number: int = 0
    committed: int = 0

    def _bucket(self) -> Bucket:
        start = self.random.randrange(5) * 10
        return start, start + 10

    def put(self) -> None:
        bucket = self._bucket()
        old = self.state.rows(bucket)
        keys = {self.random.randrange(30) for _ in range(self.random.randrange(1, 9))}
        self.state.put(bucket, {key: [*old.get(key, ()), self.number] for key in keys})
        rows = self.truth.setdefault(bucket, {})
        rows.update({key: [*rows.get(key, ()), self.number] for key in keys})

    def change(self) -> None:
        bucket = self._bucket()
        keys = [key for key in self.state.rows(bucket) if self.random.random() < 0.3]
        self.state.touch(bucket, keys)
        if keys:
            rows = self.state.mark(bucket, keys)
            for key in keys:
                rows[key].append(-1)
                self.truth[bucket][key].append(-1)

    def drop(self) -> None:
        bucket = self._bucket()
        assert self.state.drop(bucket) == self.truth.pop(bucket, {})

    def let_go(self) -> None:
        bucket = self._bucket()
        self.state.let_go(bucket)
        self.truth.pop(bucket, None)
        self.state.free_some()

    def capture(self) -> None:
        self.number += 1
        self.state.capture(self.number, self.committed)
        self.at_capture[self.number] = copy.deepcopy(self.truth)

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
            self.state = BucketState("sums")
            self.state.restore(self.chains[self.committed])
            self.truth = copy.deepcopy(self.at_capture[self.committed])
            assert self.state.buckets == self.truth
            self.chains = {n: c for n, c in self.chains.items() if n <= self.committed}
            self.number += 1
            self.capture()

    def run(self, steps: int) -> None:
        actions = [self.put, self.change, self.drop, self.let_go]
        actions += [self.capture, self.encode, self.commit, self.crash]
        for _ in range(steps):
            self.random.choices(actions, (8, 4, 0.4, 0.4, 1, 16, 2, 0.1))[0]()


@pytest.mark.parametrize("seed", range(200))
def test_a_capture_is_the_state_at_its_moment(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "PIECE_KEYS", 7)
    trial = Trial(random.Random(seed))

    trial.run(400)

    assert trial.chains
    for number, chunks in trial.chains.items():
        assert contents(chunks) == trial.at_capture[number]


def test_bases_and_changes_are_both_made() -> None:
    trial = Trial(random.Random(1))

    trial.run(2000)

    assert {part.base for part in trial.parts} == {True, False}


def test_a_checkpoint_is_no_larger_for_keys_that_are_worked_on_one_by_one() -> None:
    def size(work: bool) -> int:
        state, bucket = BucketState("sums"), (0, 10)
        state.put(bucket, {key: [key] for key in range(5000)})
        state.capture(1, 0)
        for key in range(5000) if work else ():
            state.touch(bucket, (key,))
            state.mark(bucket, (key,))[key].append(-1)
        while state.capturing:
            state.encode_some()
        chunks = list(state.finish().chunks)
        assert contents(chunks) == {bucket: {key: [key] for key in range(5000)}}
        return sum(map(len, chunks))

    assert size(work=True) < 1.5 * size(work=False)


def test_a_bucket_of_many_keys_goes_by_one_small_tombstone() -> None:
    state = BucketState("sums")
    state.put((0, 10), dict.fromkeys(range(10000), 1))
    state.put((10, 20), dict.fromkeys(range(10000), 1))
    state.capture(1, 0)
    while state.capturing:
        state.encode_some()
    first = state.finish()
    state.committed(1)
    assert len(state.drop((0, 10))) == 10_000

    state.capture(2, 1)
    assert not state.capturing
    second = state.finish()

    assert not second.base
    assert sum(map(len, second.chunks)) < 100
    assert contents([*first.chunks, *second.chunks]) == {(10, 20): dict.fromkeys(range(10000), 1)}


@pytest.mark.parametrize("late", [False, True])
def test_windows_that_come_and_go_leave_nothing_behind(late: bool) -> None:
    """Also if each commit is heard of only after the next capture: checkpoints that are slow."""
    state, parts = BucketState("sums"), list[StatePart]()
    for number in range(1, 101):
        state.put((number, number + 1), dict.fromkeys(range(100), number))
        for old in range(max(1, number - 9), number):
            state.put((old, old + 1), {1: number})
        state.let_go((number - 10, number - 9))
        while state.free_some():
            pass
        known = max(0, number - 1 - late)
        state.capture(number, known)
        if late and known < number - 1:
            state.committed(number - 1)
        while state.capturing:
            state.encode_some()
        parts.append(state.finish())
        if not late:
            state.committed(number)

    settled = parts[20:]
    changes = [part for part in settled if not part.base]
    assert len(changes) > len(settled) / 2
    assert max(part.keys for part in changes) <= 2 * 110
    tombstones = [sum(map(len, part.chunks)) for part in changes]
    assert tombstones[-1] <= 1.2 * tombstones[0]


def test_without_checkpoints_nothing_is_kept_of_buckets_that_have_gone() -> None:
    state = BucketState("sums")
    for start in range(0, 1000, 10):
        state.put((start, start + 10), {1: start})
        state.let_go((start, start + 10))
        while state.free_some():
            pass

    state.capture(1, 0)
    part = state.finish()

    assert part.chunks == ()
    state.committed(1)
    state.put((0, 10), {1: 1})
    state.capture(2, 1)
    while state.capturing:
        state.encode_some()
    state.finish()
    state.committed(2)
    state.let_go((0, 10))
    state.put((0, 10), {2: 2})
    state.let_go((0, 10))
    state.capture(3, 2)
    third = state.finish()
    assert contents([*third.chunks]) == {}
    assert third.base or third.chunks
