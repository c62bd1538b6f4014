"""The join of a stream with a table as it is now."""

import random
from itertools import pairwise
from typing import Any

import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.failures import ComputationFailed
from wallarood.flow.joins.tables import Enrich
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.joins import EnrichSpec

STREAM, TABLE = 0, 1


def enrich(ttl: float | None = None, *, timeless: str = "", **more: Any) -> Driven:
    us = None if ttl is None else round(ttl * SECOND)
    spec = EnrichSpec(not timeless, us, **more)
    return Driven(Enrich, computation(spec), tuple, stamped=not timeless)


def ask(work: Driven, key: Any = "k", seconds: float = 1000) -> Any:
    work.one(key, seconds, "?", side=STREAM)
    return work.out.pop()[1][1]


def test_the_highest_time_wins_and_of_equal_times_the_last_that_arrived() -> None:
    work = enrich()
    work.feed([("k", 20, "v2"), ("k", 10, "v1")], side=TABLE)
    assert ask(work) == "v2"
    work.one("k", 20, "v3", side=TABLE)
    assert ask(work) == "v3"


def test_a_deleted_row_is_not_brought_back_by_an_older_record() -> None:
    work = enrich(deleted=lambda row: row == "deleted")
    work.one("k", 20, "v2", side=TABLE)
    work.one("k", 30, "deleted", side=TABLE)
    work.one("k", 25, "v3", side=TABLE)
    assert ask(work) is None
    work.one("k", 31, "v4", side=TABLE)
    assert ask(work) == "v4"


def test_a_row_is_forgotten_after_its_ttl_also_a_tombstone_and_after_a_crash() -> None:
    work = enrich(64, deleted=lambda row: row == "deleted")
    work.feed([("k", 0, "v"), ("d", 0, "deleted")], side=TABLE)
    work.checkpoint()
    work.watermark(63.9)
    assert ask(work) == "v"
    work.watermark(64)
    assert ask(work) is None
    work.watermark(66)
    assert not work.state.by_key
    work.checkpoint()
    work.crash()
    assert not work.state.by_key
    work.end()


def test_the_end_forgets_nothing() -> None:
    work = enrich(64)
    work.one("k", 0, "v", side=TABLE)
    work.end()
    assert list(work.state.by_key) == ["k"]


def test_without_times_the_last_that_arrived_wins_and_ttl_counts_from_its_arrival() -> None:
    work = enrich(64, timeless="yes", deleted=lambda row: row == "deleted")
    work.now = 100 * SECOND
    work.feed([("k", 5, "v2"), ("k", 1, "v1"), ("d", 1, "v"), ("d", 1, "deleted")], side=TABLE)
    assert ask(work) == "v1"
    assert list(work.state.by_key) == ["k"]
    work.wall(164)
    assert ask(work) is None
    work.wall(166)
    assert not work.state.by_key


def test_an_inner_join_drops_what_has_no_row() -> None:
    work = enrich(inner=True)
    work.one("k", 0, "v", side=TABLE)
    work.feed([("k", 1, "a"), ("other", 1, "b")], side=STREAM)
    assert work.results == [("a", "v")]


def test_a_predicate_that_fails_applies_on_error() -> None:
    work = enrich(deleted=lambda row: row["gone"])
    with pytest.raises(ComputationFailed, match="KeyError"):
        work.one("k", 0, {}, side=TABLE)
    work = enrich(deleted=lambda row: row["gone"])
    work.operator._computation = computation(work.computation.spec, on_error=ErrorPolicy.SKIP)
    work.feed([("k", 0, {"gone": False}), ("k", 1, {})], side=TABLE)
    assert ask(work) == {"gone": False}
    assert len(work.failures) == 1


def test_records_are_held_until_the_table_is_loaded_and_come_as_they_arrived() -> None:
    work = enrich(64, deleted=lambda row: row == "deleted")
    work.operator.hold()
    work.feed([("b", 1, 1), ("a", 2, 2), ("b", 3, 3), ("none", 4, 4), ("gone", 5, 5)], side=STREAM)
    work.checkpoint()
    work.crash()
    work.operator.hold()
    work.feed([("a", 0, "A"), ("b", 0, "B"), ("gone", 0, "deleted")], side=TABLE)
    work.feed([("a", 6, 6)], side=STREAM)
    assert work.out == []
    work._draw(work.operator.on_loaded(work.failures))
    pairs = [(1, "B"), (2, "A"), (3, "B"), (4, None), (5, None), (6, "A")]
    assert work.results == pairs
    assert [time for _, _, time in work.out] == [each * SECOND for each, _ in pairs]
    assert ask(work, "b", 7) == "B"
    assert set(work.state.by_key) == {"a", "b", "gone"}
    work.watermark(66)
    assert not work.state.by_key


def test_an_inner_join_drops_what_was_held_and_has_no_row() -> None:
    work = enrich(inner=True, timeless="yes")
    work.operator.hold()
    work.feed([("k", 0, 1), ("other", 0, 2)], side=STREAM)
    work.one("k", 0, "v", side=TABLE)
    work._draw(work.operator.on_loaded(work.failures))
    assert work.results == [(1, "v")]
    assert list(work.state.by_key) == ["k"]


def test_without_times_a_deleted_row_is_not_kept_where_records_waited() -> None:
    work = enrich(timeless="yes", deleted=lambda row: row == "deleted")
    work.operator.hold()
    work.one("k", 0, 1, side=STREAM)
    work.one("k", 0, "deleted", side=TABLE)
    work._draw(work.operator.on_loaded(work.failures))
    assert work.results == [(1, None)]
    assert not work.state.by_key


@pytest.mark.parametrize("side", [STREAM, TABLE])
def test_what_was_held_goes_on_where_the_table_has_no_end_any_more(side: int) -> None:
    work = enrich()
    work.operator.hold()
    work.feed([("k", 0, 1), ("other", 0, 2)], side=STREAM)
    work.one("k", 0, "v", side=TABLE)
    work.checkpoint()
    work.crash()
    work.one("new", 1, 3, side=side)
    assert work.results == [(1, "v"), (2, None), *([(3, None)] if side == STREAM else [])]
    assert set(work.state.by_key) == ({"k"} if side == STREAM else {"k", "new"})


@pytest.mark.parametrize("seed", range(10))
def test_random_updates_equal_a_dict_by_time(seed: int) -> None:
    chance = random.Random(seed)
    work = enrich(640 / SECOND, deleted=lambda row: row % 5 == 0)
    rows: dict[Any, tuple[int, int]] = {}
    mark = 0
    for number in range(1, 400):
        key, time = chance.choice("abcd"), mark + chance.randrange(-50, 100)
        if chance.random() < 0.1:
            work.checkpoint()
            work.one(key, time / SECOND, number + 1000, side=TABLE)
            work.crash()
        if chance.random() < 0.5:
            work.one(key, time / SECOND, number, side=TABLE)
            if key in rows and rows[key][0] + 640 + 10 <= mark:
                del rows[key]
            if key not in rows or time >= rows[key][0]:
                rows[key] = (time, number)
        else:
            when, value = rows.get(key, (mark - 10_000, 0))
            wanted = value if when + 640 > mark and value % 5 else None
            assert ask(work, key, mark / SECOND) == wanted
        mark += chance.randrange(0, 30)
        work._advance(mark)


def test_what_was_held_by_many_keys_and_by_one_comes_in_slices_and_in_its_order() -> None:
    work = enrich()
    work.operator.hold()
    records = [(f"k{n}" if n % 2 else "hot", 0, n) for n in range(6000)]
    for start in range(0, len(records), 500):
        work.feed(records[start : start + 500], side=STREAM)
    work.feed([("k7", 0, "seven"), ("hot", 0, "H")], side=TABLE)
    work.state.capture(1, 0)
    holding, found = [len(work.operator._holding)], []
    for part in work.operator.on_loaded([]):
        holding.append(len(work.operator._holding))
        found += part.values
        assert len(part) <= 1024
    assert max(before - after for before, after in pairwise(holding)) <= 1024
    assert holding[-1] == 0
    met = {7: "seven"} | dict.fromkeys(range(0, 6000, 2), "H")
    assert found == [(n, met.get(n)) for n in range(6000)]
    assert set(work.state.by_key) == {"k7", "hot"}
    while work.state.capturing:
        work.state.encode_some()
    work._chunks = list(work.state.finish().chunks)
    work.crash()
    assert len(work.operator._holding) == 3001  # what it was when the capture began
