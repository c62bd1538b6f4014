"""A key is forgotten `ttl` after its last record: never early, a 64th late at most."""

import random

import pytest

from wallarood.flow.timed.expiry import GENERATIONS, Expiry
from wallarood.flow.timed.rows import Row

TTL = 6400


@pytest.fixture
def expiry() -> Expiry:
    """Generations of 100 µs."""
    return Expiry(TTL)


def drawn(expiry: Expiry, until: int) -> list[str]:
    found: list[str] = []
    while expiry.next is not None and expiry.next <= until:
        found += expiry.pop()[1]
    return found


def test_a_key_is_looked_at_when_its_generation_is_so_old(expiry: Expiry) -> None:
    row = Row()
    expiry.seen_once(row, "k", 150)
    assert expiry.due(row) == 200 + TTL
    assert drawn(expiry, 199 + TTL) == []
    assert drawn(expiry, 200 + TTL) == ["k"]
    assert expiry.next is None


@pytest.mark.parametrize("ttl", [1, 63, 64, 1000, 86_400_000_000])
def test_never_early_and_a_generation_late_at_most(ttl: int) -> None:
    expiry = Expiry(ttl)
    for time in (0, 1, ttl - 1, ttl, 12345):
        row = Row()
        expiry.seen_once(row, "k", time)
        assert ttl < expiry.due(row) - time <= ttl + max(1, ttl // GENERATIONS)


def test_a_later_record_moves_the_key_and_costs_no_place(expiry: Expiry) -> None:
    row = Row()
    for time in (0, 50, 1000, 3000):
        expiry.seen_once(row, "k", time)
    assert drawn(expiry, 100 + TTL) == ["k"]  # looked at where it was first, and not due
    assert expiry.due(row) == 3100 + TTL
    expiry.look_at(row, "k")
    assert drawn(expiry, 3100 + TTL) == ["k"]
    assert expiry.next is None


def test_an_earlier_record_does_not_bring_a_key_back(expiry: Expiry) -> None:
    row = Row()
    expiry.seen_once(row, "k", 3000)
    expiry.seen_once(row, "k", 10)
    assert expiry.due(row) == 3100 + TTL


def seen(expiry: Expiry, rows: list[Row], keys: list[str], times: list[int]) -> int:
    """A batch, as who goes over it does; how many of its rows `see` was told of."""
    results: list[int] = []
    latest = expiry.enter(keys, times, results)
    for row in rows:
        told = row.seen < latest
        if told:
            expiry.see(row)
        results.append(told)
    return sum(results)


def test_of_a_batch_of_one_generation_each_row_is_told_of_once(expiry: Expiry) -> None:
    rows = [Row(), Row()]
    assert seen(expiry, [*rows, *rows], ["a", "b", "a", "b"], [110, 190, 150, 170]) == 2
    assert [row.seen for row in rows] == [1, 1]
    assert seen(expiry, rows, ["a", "b"], [199, 120]) == 0
    assert sorted(drawn(expiry, 200 + TTL)) == ["a", "b"]


def test_of_a_batch_of_several_generations_each_row_has_its_own(expiry: Expiry) -> None:
    rows = [Row(), Row()]
    assert seen(expiry, [*rows, rows[0]], ["a", "b", "a"], [110, 350, 210]) == 3
    assert [row.seen for row in rows] == [2, 3]
    assert drawn(expiry, 300 + TTL) == ["a"]


def test_a_key_without_a_record_is_never_due(expiry: Expiry) -> None:
    expiry.look_at(Row(), "k")
    assert expiry.next is None


def test_batches_and_single_records_come_to_the_same() -> None:
    rng = random.Random(3)
    one, other = Expiry(TTL), Expiry(TTL)
    rows = {key: (Row(), Row()) for key in "abcde"}
    for _ in range(200):
        keys = [rng.choice("abcde") for _ in range(rng.randrange(1, 6))]
        times = [rng.randrange(5000) for _ in keys]
        seen(one, [rows[key][0] for key in keys], keys, times)
        for key, time in zip(keys, times, strict=True):
            other.seen_once(rows[key][1], key, time)
    assert all(mine.seen == theirs.seen for mine, theirs in rows.values())
