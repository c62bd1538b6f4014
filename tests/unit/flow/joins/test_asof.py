"""As-of joins and tables as they were: the cases of their definition, and a naive oracle."""

import random
from collections import Counter
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.joins.asof import AsOfJoin
from wallarood.flow.joins.rows import Row
from wallarood.model.timing.joins import AsOfSpec, EnrichSpec

TRADE, QUOTE = 0, 1


def join(within: float | None = None, **more: Any) -> Driven:
    us = None if within is None else round(within * SECOND)
    return Driven(AsOfJoin, computation(AsOfSpec(us, **more)), Row)


def test_of_equal_times_the_last_that_arrived_counts_once_the_watermark_is_above() -> None:
    work = join()
    work.one("x", 20, "b", side=QUOTE)
    work.one("x", 20, "c", side=QUOTE)
    work.one("x", 20, "T", side=TRADE)
    work.watermark(20)
    assert work.out == []
    work.watermark(20.000001)
    assert work.out == [("x", ("T", "c"), 20 * SECOND)]


def test_what_is_too_old_does_not_count() -> None:
    work = join(within=10)
    work.feed([("x", 0, "a"), ("y", 0, "a")], side=QUOTE)
    work.feed([("x", 10, "near"), ("y", 10.000001, "far")], side=TRADE)
    work.end()
    assert sorted(work.results) == [("far", None), ("near", "a")]
    assert not work.state.by_key


def test_a_late_trade_is_late_and_a_late_quote_takes_the_place_of_older_ones_only() -> None:
    work = join()
    work.one("x", 10, "ten", side=QUOTE)
    work.one("x", 30, "thirty", side=QUOTE)
    work.watermark(32)
    work.one("x", 20, "twenty", side=QUOTE)
    work.one("x", 31, "late", side=TRADE)
    work.one("x", 32, "T", side=TRADE)
    work.one("x", 31, "thirty-one", side=QUOTE)
    work.end()
    assert work.results == [("T", "thirty-one")]
    assert work.late == ["'late'"]


def test_of_the_past_only_the_last_quote_is_kept() -> None:
    work = join()
    for time in range(100):
        work.one("x", time, time, side=QUOTE)
        work.watermark(time)
    assert len(work.state.by_key["x"].sides[QUOTE].times) < 5


def test_a_table_as_it_was_knows_deleted_rows_and_forgets_old_ones() -> None:
    spec = EnrichSpec(
        True, 10 * SECOND, deleted=lambda row: row == "gone", at_event=True, inner=False
    )
    work = Driven(AsOfJoin, computation(spec), Row)
    work.feed([("x", 0, "v0"), ("x", 5, "gone"), ("x", 8, "v8")], side=QUOTE)
    work.feed([("x", time, time) for time in (4, 5, 7.9, 8, 17.9, 18)], side=TRADE)
    work.end()
    assert work.results == [
        (4, "v0"), (5, None), (7.9, None), (8, "v8"), (17.9, "v8"), (18, None),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_random_streams_equal_the_oracle_in_any_batches_and_cut_by_crashes(seed: int) -> None:
    chance = random.Random(seed)
    within = chance.choice([None, 5, 20])
    work, oracle = Driven(AsOfJoin, computation(AsOfSpec(within)), Row), Oracle(within)
    mark, number = 0, 0
    work._advance(mark)
    for _ in range(80):
        side = chance.randrange(2)
        batch = []
        for _ in range(chance.randrange(1, 10)):
            number += 1
            batch.append((chance.choice("xyz"), mark + chance.randrange(-6, 12), number))
        if chance.random() < 0.3:
            work.checkpoint()
            _feed(work, batch, side, size=chance.choice([1, 3, 100]))
            work.crash()
        _feed(work, batch, side, size=chance.choice([1, 3, 100]))
        if side == TRADE:
            oracle.trades += [each for each in batch if each[1] >= mark]
        else:
            oracle.quotes += batch
        if chance.random() < 0.5:
            mark += chance.randrange(1, 9)
            work._advance(mark)
            oracle.settle(mark)
    work.end()
    oracle.settle(1 << 62)
    assert Counter(work.out) == oracle.out


class Oracle:
    """At each watermark, for each trade below it, the best of all quotes that ever came."""

    def __init__(self, within: int | None) -> None:
        self.within = within
        self.quotes: list[tuple[str, int, int]] = []
        self.trades: list[tuple[str, int, int]] = []
        self.out: Counter[Any] = Counter()

    def settle(self, mark: int) -> None:
        for trade in [each for each in self.trades if each[1] < mark]:
            self.trades.remove(trade)
            key, time, value = trade
            said = [
                (when, number)
                for other, when, number in self.quotes
                if other == key
                and when <= time
                and (self.within is None or time - when <= self.within)
            ]
            self.out[key, (value, max(said)[1] if said else None), time] += 1


def _feed(work: Driven, batch: list[Any], side: int, *, size: int) -> None:
    for start in range(0, len(batch), size):
        part = [(key, time / SECOND, value) for key, time, value in batch[start : start + size]]
        work.feed(part, side=side)
