"""Distinct records: the cases of their definition, and random streams against a naive oracle."""

import random
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.timed.distinct import Distinct
from wallarood.model.batch import Batch
from wallarood.model.timing.computations import DistinctSpec

HOUR = 3600


def distinct(within: float, *, timeless: str = "") -> Driven:
    spec = DistinctSpec(not timeless, round(within * SECOND))
    return Driven(Distinct, computation(spec), tuple, stamped=not timeless)


def test_the_first_of_a_day_passes_and_the_first_when_it_is_over() -> None:
    work = distinct(24 * HOUR)
    for seconds in (0, 24 * HOUR - 60, 24 * HOUR):
        work.one("a", seconds, seconds)
    assert work.results == [0, 24 * HOUR]


def test_repeats_in_one_batch_and_of_other_keys() -> None:
    work = distinct(10)
    work.feed([("a", 0, 1), ("b", 0, 2), ("a", 9, 3), ("a", 10, 4), ("a", 11, 5)])
    assert work.results == [1, 2, 4]


def test_a_record_below_the_watermark_is_a_repeat_if_that_is_known_and_else_late() -> None:
    work = distinct(10)
    work.one("a", 0, "first")
    work.watermark(5)
    work.one("a", 3, "repeat")
    work.one("b", 3, "late")
    assert work.results == ["first"]
    assert work.late == ["'late'"]


def test_keys_are_forgotten_and_the_end_forgets_none() -> None:
    work = distinct(64)
    work.feed([(each, each / 100, each) for each in range(1000)])
    work.checkpoint()
    work.watermark(76)
    assert not work.state.by_key
    work.checkpoint()
    work.crash()
    assert not work.state.by_key
    work.one("a", 80, "a")
    work.end()
    assert list(work.state.by_key) == ["a"]


def test_without_times_the_wall_clock_counts() -> None:
    work = distinct(10, timeless="yes")
    for now, value in ((100, 1), (109, 2), (110, 3), (119, 4)):
        work.wall(now)
        work.one("a", 0, value)
    assert work.results == [1, 3]
    work.wall(131)
    assert not work.state.by_key


def test_stamps_that_are_one_object_are_told_apart() -> None:
    work = distinct(10)
    time = 1_600_000_000 * SECOND
    batch = Batch([1, 2, 3, 4, 5], list("abacb"), times=[time] * 5)
    assert work.operator.on_batch(batch, []).values == [1, 2, 4]
    again = Batch([6, 7, 8, 9], list("dade"), times=[time] * 4)
    assert work.operator.on_batch(again, []).values == [6, 9]
    assert set(work.state.by_key) == set("abcde")


@pytest.mark.parametrize("seed", range(30))
def test_random_streams_equal_the_oracle_in_any_batches_and_cut_by_crashes(seed: int) -> None:
    chance = random.Random(seed)
    within = chance.choice([1, 7, 200, 1000])
    work = distinct(within / SECOND)
    passed: dict[str, list[int]] = {}
    expected: list[Any] = []
    late: list[str] = []
    mark, number = 0, 0
    work._advance(mark)
    spread = chance.choice([5, 300, 3000])
    for _ in range(80):
        batch = []
        for _ in range(chance.randrange(1, 12)):
            number += 1
            batch.append((chance.choice("abc"), mark + chance.randrange(-spread, spread), number))
        again = chance.random() < 0.2
        if again:
            work.checkpoint()
            _feed(work, batch, chance.choice([1, 4, 100]))
            work.crash()
        _feed(work, batch, chance.choice([1, 4, 100]))
        for key, time, value in batch:
            known = [each for each in passed.get(key, []) if each > mark - within]
            if any(abs(time - each) < within for each in known):
                continue
            if time < mark:
                late.append(repr(value))
                continue
            passed.setdefault(key, []).append(time)
            expected.append((key, value, time))
        if chance.random() < 0.4:
            mark += chance.randrange(1, spread)
            work._advance(mark)
    assert work.out == expected
    assert work.late == late


@pytest.mark.parametrize("seed", range(20))
def test_batches_nearly_in_order_equal_the_oracle_while_captures_are_made(seed: int) -> None:
    """Large ones, of which few or most records are repeats: they are not judged one by one."""
    chance = random.Random(f"plain {seed}")
    within, keys = chance.choice([(3000, 40), (3000, 4000), (500, 300)])
    work = distinct(within / SECOND)
    passed: dict[int, list[int]] = {}
    expected: list[Any] = []
    now = 0
    for _ in range(100):
        size, mark = chance.randrange(1, 80), now - 60
        batch = [
            (chance.randrange(keys), now + 2 * place - chance.randrange(50), chance.random())
            for place in range(size)
        ]
        now += 2 * size
        if chance.random() < 0.2:
            work._number += 1
            work.state.capture(work._number, 0)  # stays in progress while records come
        elif chance.random() < 0.3:
            work.checkpoint()
            work.crash()
        elif chance.random() < 0.3:
            work.checkpoint()
            work.feed([(key, time / SECOND, value) for key, time, value in batch])
            work.crash()
        work.feed([(key, time / SECOND, value) for key, time, value in batch])
        for key, time, value in batch:
            near = [one for one in passed.get(key, []) if abs(time - one) < within]
            if not near:
                passed.setdefault(key, []).append(time)
                expected.append((key, value, time))
        work._advance(mark)
        assert work.out == expected
    assert work.late == []
    work._advance(now + 2 * within)
    assert not work.state.by_key


def _feed(work: Driven, batch: list[Any], size: int) -> None:
    for start in range(0, len(batch), size):
        part = [(key, time / SECOND, value) for key, time, value in batch[start : start + size]]
        work.feed(part)
