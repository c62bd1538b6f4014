"""What was noted of a key once: noted again after a capture, an expiry, in another generation."""

import random
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.state import keyed
from wallarood.flow.timed import computation as computing
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.computations import TimedSpec


def counting(*, ttl: float = 10, with_key: bool = False) -> Driven:
    def count(record: Any, seen: list[Any], timers: Any, **named: Any) -> int:
        seen.append(record)
        return len(seen)

    spec = TimedSpec(True, ttl=round(ttl * SECOND))
    made = computation(spec, count, state=list, on_error=ErrorPolicy.SKIP, with_key=with_key)
    return Driven(TimedComputation, made, Row)


def states(work: Driven) -> dict[Any, Any]:
    return {key: row.state for key, row in work.state.by_key.items()}


def test_a_key_that_is_used_again_after_a_capture_is_in_the_next() -> None:
    work = counting()
    work.feed([("a", 0, 1), ("b", 0, 2), ("a", 0, 3)])
    work.checkpoint()
    work.one("a", 0.01, 4)
    work.checkpoint()
    work.one("a", 0.02, "lost")
    work.crash()
    assert states(work) == {"a": [1, 3, 4], "b": [2]}


def test_a_capture_in_progress_has_what_was_there_at_its_moment() -> None:
    work = counting()
    work.feed([("a", 0, 1), ("b", 0, 2)])
    work.state.capture(1, 0)
    work.one("a", 0.01, 3)
    while work.state.capturing:
        work.state.encode_some()
    work._chunks = list(work.state.finish().chunks)
    work.crash()
    assert states(work) == {"a": [1], "b": [2]}


def test_a_key_that_has_expired_begins_with_a_new_state() -> None:
    work = counting()
    work.one("a", 0, 1)
    work.one("far", 1000, 1)
    work.watermark(500)
    work.one("a", 600, 2)
    assert work.results == [1, 1, 1]
    assert states(work)["a"] == [2]


def test_a_state_that_cannot_be_made_fails_its_record_whatever_it_raises() -> None:
    for error in (OSError, StopIteration, SystemExit):
        work = counting()
        raised: list[Any] = []

        def make(raised: list[Any] = raised, error: type = error) -> list[Any]:
            raised.append(1)
            if len(raised) == 2:
                raise error
            return []

        work.operator._calls.make = make
        work.feed([("a", 0, 1), ("b", 0, 2), ("c", 0, 3), ("b", 0, 4)])
        assert [each.letter.record for each in work.failures] == ["2"]
        assert work.out == [("a", 1, 0), ("c", 1, 0), ("b", 1, 0)]


@pytest.mark.parametrize("seed", range(24))
def test_states_and_expiry_do_not_depend_on_how_records_are_cut(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor on captures and crashes, nor on whether keys are few enough to be in a table."""
    chance = random.Random(seed)
    most = chance.choice([0, 3, 1000])
    monkeypatch.setattr(keyed, "IN_USE_KEYS_MAX", most)
    monkeypatch.setattr(computing, "IN_USE_KEYS_MAX", most)
    with_key = chance.random() < 0.3
    work, other = counting(with_key=with_key), counting(with_key=with_key)
    mark = 0.0
    for _ in range(60):
        batch = [
            (chance.choice(["a", "b", "c", True, ("x", 1), "d"]), mark + chance.random() * 9, n)
            for n in range(chance.randrange(1, 20))
        ]
        if chance.random() < 0.3:
            work.checkpoint()
            if chance.random() < 0.5:
                work.feed(batch)
                work.crash()
        work.feed(batch)
        for record in batch:
            other.feed([record])
        if chance.random() < 0.6:
            mark += chance.random() * 8
            work.watermark(mark)
            other.watermark(mark)
        assert work.out == other.out
        assert states(work) == states(other)
    work.watermark(mark + 100)
    assert not work.state.by_key
