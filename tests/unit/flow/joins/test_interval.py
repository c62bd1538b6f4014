"""Interval joins: the cases of their definition, and random streams against a naive oracle."""

import random
from collections import Counter
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.failures import ComputationFailed
from wallarood.flow.joins.interval import IntervalJoin
from wallarood.flow.joins.rows import Row
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.joins import How, IntervalSpec

LEFT, RIGHT = 0, 1


def join(lo: float, hi: float, how: How = How.INNER, **more: Any) -> Driven:
    spec = IntervalSpec(round(lo * SECOND), round(hi * SECOND), how, **more)
    return Driven(IntervalJoin, computation(spec), Row)


def test_records_meet_within_the_interval_bounds_included() -> None:
    work = join(0, 2)
    work.feed([("a", time, time) for time in (0, 1, 2)], side=LEFT)
    work.feed([("a", time, time) for time in (0, 1, 2)], side=RIGHT)
    assert sorted(work.results) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert {result: time for _, result, time in work.out}[(0, 2)] == 2 * SECOND


def test_records_of_different_keys_do_not_meet() -> None:
    work = join(0, 2)
    work.one("a", 0, side=LEFT)
    work.one("b", 0, side=RIGHT)
    assert work.results == []


def test_an_outer_row_comes_once_the_watermark_is_above_its_bound() -> None:
    work = join(-5, 10, How.LEFT)
    work.one("a", 100, "L", side=LEFT)
    work.watermark(110)
    assert work.out == []
    work.watermark(110.000001)
    assert work.out == [("a", ("L", None), 110 * SECOND)]
    work.end()
    assert len(work.out) == 1
    assert not work.state.by_key


def test_a_record_below_the_watermark_is_kept_while_it_may_be_met() -> None:
    work = join(-5, 10)
    work.watermark(98)
    work.one("a", 95, "R", side=RIGHT)
    work.one("a", 100, "L", side=LEFT)
    assert work.results == [("L", "R")]
    assert work.late == []


def test_a_record_beyond_its_bound_is_late() -> None:
    work = join(-5, 10)
    work.watermark(101)
    work.one("a", 95, "R", side=RIGHT)
    assert work.late == ["'R'"]
    work.one("a", 91, "L", side=LEFT)
    assert work.late == ["'R'"]
    work.one("a", 90, "L", side=LEFT)
    assert work.late == ["'R'", "'L'"]


def test_grace_delays_lateness_and_the_outer_row() -> None:
    work = join(0, 10, How.LEFT, grace=5 * SECOND)
    work.one("a", 0, "L", side=LEFT)
    work.watermark(15)
    assert work.out == []
    work.one("a", 10, "R", side=RIGHT)
    assert work.results == [("L", "R")]
    assert work.late == []
    work.watermark(16)
    assert len(work.out) == 1


def test_what_is_in_time_meets_records_before_it_though_the_interval_is_all_in_the_past() -> None:
    work = join(-10, -5)
    work.one("a", 100, "R", side=RIGHT)
    work.watermark(108)
    work.one("a", 108, "L", side=LEFT)
    assert work.results == [("L", "R")]


def test_late_records_stop_the_job_if_asked_to() -> None:
    work = join(0, 1, on_late=ErrorPolicy.STOP)
    work.watermark(100)
    with pytest.raises(ComputationFailed, match="late: stamp 1 s"):
        work.one("a", 1, "L", side=LEFT)


def test_a_full_join_emits_both_sides_alone_with_the_keys_as_they_were() -> None:
    work = join(0, 1, How.OUTER)
    work.one(True, 0, "L", side=LEFT)
    work.one((1, "x"), 0, "R", side=RIGHT)
    work.checkpoint()
    work.crash()
    work.end()
    assert sorted(work.results, key=str) == [("L", None), (None, "R")]
    assert {key for key, _, _ in work.out} == {True, (1, "x")}


class Oracle:
    """All pairs of two lists; each record is judged when it comes, by the watermark then."""

    def __init__(self, spec: IntervalSpec) -> None:
        self.spec = spec
        self.keep = (max(spec.hi, 0) + spec.grace, max(-spec.lo, 0) + spec.grace)
        self.mark = -(1 << 63)
        self.kept: list[tuple[int, Any, int, Any]] = []
        self.met: set[Any] = set()
        self.pairs: Counter[Any] = Counter()
        self.late: Counter[Any] = Counter()

    def take(self, side: int, key: Any, time: int, value: Any) -> None:
        if self.mark > time + self.keep[side]:
            self.late[repr(value)] += 1
            return
        for other_side, other_key, other_time, other in self.kept:
            if other_side == side or other_key != key:
                continue
            if self.mark > other_time + self.keep[other_side]:
                continue
            apart = other_time - time if side == LEFT else time - other_time
            if self.spec.lo <= apart <= self.spec.hi:
                self.met |= {value, other}
                pair = (value, other) if side == LEFT else (other, value)
                self.pairs[key, pair, max(time, other_time)] += 1
        self.kept.append((side, key, time, value))

    def finish(self) -> None:
        outer = ((How.LEFT, How.OUTER), (How.RIGHT, How.OUTER))
        for side, key, time, value in self.kept:
            if self.spec.how in outer[side] and value not in self.met:
                row = (value, None) if side == LEFT else (None, value)
                self.pairs[key, row, time + self.keep[side]] += 1


@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("seed", range(12))
def test_random_streams_equal_the_oracle_in_any_batches_and_cut_by_crashes(
    how: How, seed: int
) -> None:
    chance = random.Random(f"{how} {seed}")
    lo, hi = sorted(chance.choices(range(-8, 9), k=2))
    spec = IntervalSpec(lo, hi, how, grace=chance.choice([0, 0, 4]))
    work, oracle = Driven(IntervalJoin, computation(spec), Row), Oracle(spec)
    mark, number = 0, 0
    for _ in range(60):
        batch = []
        side = chance.randrange(2)
        for _ in range(chance.randrange(1, 12)):
            number += 1
            batch.append((chance.choice("abc"), mark + chance.randrange(-12, 12), number))
        again = chance.random() < 0.3
        if again:
            work.checkpoint()
        _feed(work, batch, side, size=chance.choice([1, 3, 100]))
        if again:
            work.crash()
            _feed(work, batch, side, size=chance.choice([1, 3, 100]))
        for key, time, value in batch:
            oracle.take(side, key, time, value)
        if chance.random() < 0.5:
            mark += chance.randrange(1, 9)
            work._advance(mark)
            oracle.mark = mark
    work.end()
    oracle.finish()
    assert Counter(work.out) == oracle.pairs
    assert Counter(work.late) == oracle.late
    assert not work.state.by_key


def _feed(work: Driven, batch: list[Any], side: int, *, size: int) -> None:
    for start in range(0, len(batch), size):
        part = [(key, time / SECOND, value) for key, time, value in batch[start : start + size]]
        work.feed(part, side=side)


def test_outer_rows_come_in_the_order_of_time_though_a_record_came_late_to_an_older_place() -> None:
    work = join(0, 10, How.LEFT)
    work.one("a", 100, "second", side=LEFT)
    work.one("a", 95, "first", side=LEFT)
    work.watermark(105.000001)
    assert work.results == [("first", None)]
    work.watermark(200)
    assert work.results == [("first", None), ("second", None)]


def test_a_longer_grace_at_a_restart_takes_no_record_whose_partners_were_let_go_of() -> None:
    run = join(0, 10, How.RIGHT)
    run.one("a", 5, "L", side=LEFT)
    run.one("a", 6, "R", side=RIGHT)
    run.watermark(30)
    run.restart(join(0, 10, How.RIGHT, grace=60 * SECOND).computation)
    run.one("a", 7, "S", side=RIGHT)
    run.end()
    assert run.results == [("L", "R")]
    assert run.late == ["'S'"]


@pytest.mark.parametrize("how", [How.INNER, How.OUTER])
def test_what_can_meet_no_other_is_dropped_from_rows_that_get_more(how: How) -> None:
    work = join(-5, 5, how)
    most = 0
    for second in range(200):
        work.one("a", second, side=second % 2)
        work.one(second, second, side=LEFT)
        work.watermark(second)
        most = max(most, *(len(side.times) for side in work.state.by_key["a"].sides))
        assert len(work.state.by_key) <= 18
    assert most <= 8
    work.checkpoint()
    work.crash()
    work.watermark(300)
    assert not work.state.by_key
