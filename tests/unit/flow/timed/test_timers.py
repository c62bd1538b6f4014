"""Random timers and expiry against a naive oracle, which looks at everything each time."""

import random
from typing import Any

import attrs
import pytest
from support.timed import Driven, computation

from wallarood.flow.keys import encode_key
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.model.timing.computations import TimedSpec


@attrs.define
class Count:
    value: int = 0


Command = tuple[str, int, str]
"""What to do: "at" or "after" a time with a name, "cancel" a name, or "" for nothing."""


def obey(commands: list[Command], count: Count, timers: Any) -> int:
    count.value += 1
    for what, time, name in commands:
        match what:
            case "at":
                timers.at(time, name)
            case "after":
                timers.after(f"{time}us", name)
            case _:
                timers.cancel(name)
    return count.value


def fired(name: str, count: Count, timers: Any) -> str:
    count.value += 10
    if name == "again" and count.value < 60:
        timers.after("7us", name)
    return f"{name} {count.value}"


def expired(count: Count) -> str:
    return f"expired {count.value}"


@attrs.define
class Key:
    count: int = 0
    timers: dict[str, int] = attrs.field(factory=dict)
    due: int = -1
    waiting: list[Any] = attrs.field(factory=list)


@attrs.define
class Oracle:
    """All keys in a dict; what happens next is found by looking at all."""

    ttl: int
    in_order: bool = False
    keys: dict[str, Key] = attrs.field(factory=dict)
    out: list[Any] = attrs.field(factory=list)

    def take(self, key: str, time: int, commands: list[Command]) -> None:
        row = self.keys.setdefault(key, Key())
        if self.in_order:
            row.waiting.append((time, commands))
        else:
            self._work(key, time, commands)

    def _work(self, key: str, time: int, commands: list[Command]) -> None:
        row = self.keys[key]
        step = self.ttl // 64
        row.due = max(row.due, (time // step + 1) * step + self.ttl)
        row.count += 1
        for what, when, name in commands:
            if what == "cancel":
                row.timers.pop(name, None)
            else:
                row.timers[name] = when if what == "at" else time + when
        self.out.append((key, row.count, time))

    def advance(self, mark: int, *, last: str = "") -> None:
        not_now: set[Any] = set()
        while True:
            events = self._events((1 << 62) if last else mark)
            if last:
                events = [each for each in events if each[1] != 1]
            events = [each for each in events if (each[4], each[3]) not in not_now]
            if not events:
                return
            time, what, _, name, key = min(events)
            row = self.keys[key]
            if what == 0:
                del row.timers[name]
                row.count += 10
                self.out.append((key, f"{name} {row.count}", time))
                if name == "again" and row.count < 60:
                    row.timers[name] = time + 7
                    if last:
                        not_now.add((key, name))
            elif what == 1:
                self.out.append((key, f"expired {row.count}", time))
                waiting = self.keys.pop(key).waiting
                if waiting:
                    self.keys[key] = Key(waiting=waiting)
            else:
                self._release(time)

    def _events(self, mark: int) -> list[Any]:
        events: list[Any] = []
        for key, row in self.keys.items():
            encoded = encode_key(key)
            events += [
                (time, 0, encoded, name, key) for name, time in row.timers.items() if time <= mark
            ]
            if -1 < row.due <= mark:
                events.append((row.due, 1, encoded, "", key))
            events += [(time, 2, encoded, "", key) for time, _ in row.waiting if time < mark]
        return events

    def _release(self, time: int) -> None:
        """All records of one time, key by key."""
        for key in sorted(self.keys):
            waiting = self.keys[key].waiting
            self.keys[key].waiting = [each for each in waiting if each[0] != time]
            for each in waiting:
                if each[0] == time:
                    self._work(key, *each)


@pytest.mark.parametrize("in_order", ["", "in order"])
@pytest.mark.parametrize("seed", range(25))
def test_random_timers_equal_the_oracle_in_any_batches_and_cut_by_crashes(
    seed: int, in_order: str
) -> None:
    chance = random.Random(f"{seed} {in_order}")
    ttl = chance.choice([64, 640])
    spec = TimedSpec(True, fired, ttl, expired, bool(in_order))
    work = Driven(TimedComputation, computation(spec, obey, state=Count), Row)
    oracle = Oracle(ttl, bool(in_order))
    mark = 0
    work._advance(0)
    for _ in range(60):
        batch = [
            (chance.choice("abc"), mark + chance.randrange(0, 90), _commands(chance, mark))
            for _ in range(chance.randrange(1, 8))
        ]
        if chance.random() < 0.2:
            work.checkpoint()
            _feed(work, batch, chance.choice([1, 3, 100]))
            work._advance(mark + 1)
            work.crash()
        _feed(work, batch, chance.choice([1, 3, 100]))
        for each in batch:
            oracle.take(*each)
        if chance.random() < 0.6:
            mark += chance.randrange(1, 60)
            work._advance(mark)
            oracle.advance(mark)
    work.end()
    oracle.advance(0, last="yes")
    assert work.out == oracle.out


@pytest.mark.parametrize("seed", range(10))
def test_the_outcome_is_the_same_however_far_the_watermark_rises_at_once(seed: int) -> None:
    chance = random.Random(seed)
    spec = TimedSpec(True, fired, 640, expired, True)
    one, many = (
        Driven(TimedComputation, computation(spec, obey, state=Count), Row) for _ in range(2)
    )
    batch = [
        (chance.choice("abcde"), chance.randrange(2000), _commands(chance, 1000))
        for _ in range(200)
    ]
    for work in (one, many):
        _feed(work, batch, 7)
    for mark in range(0, 4001, 10):
        many._advance(mark)
    one._advance(4000)
    assert one.out == many.out


def _commands(chance: random.Random, mark: int) -> list[Command]:
    count = chance.randrange(3)
    return [
        (
            chance.choice(["at", "after", "cancel"]),
            chance.randrange(mark + 1, mark + 200),
            chance.choice(["again", "x", "y"]),
        )
        for _ in range(count)
    ]


def _feed(work: Driven, batch: list[Any], size: int) -> None:
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        work.feed([(key, time / 1_000_000, value) for key, time, value in part])
