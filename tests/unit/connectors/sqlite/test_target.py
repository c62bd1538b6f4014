"""A table for one writer: it waits for another one, and does not hold up the event loop."""

import sqlite3
from pathlib import Path

import pytest
import trio

import wallarood as w
from wallarood.connectors.columns import columns_of
from wallarood.connectors.sqlite.target import TableTarget, problem_of, quoted


def target(path: Path, writer: str = "me") -> TableTarget:
    return TableTarget(path, "t", columns_of("it", ["a"]), (), writer)


async def test_a_marker_that_was_not_expected_changes_nothing(tmp_path: Path) -> None:
    one, other = target(tmp_path / "x"), target(tmp_path / "x")
    assert await one.marker() == w.Marker()
    assert await other.marker() == w.Marker()
    await one.apply([("a",)], w.Marker(), w.Marker(0, 1))
    with pytest.raises(w.MarkerMovedError, match="the marker is 1 where 0 was expected"):
        await other.apply([("b",)], w.Marker(), w.Marker(0, 1))
    assert await target(tmp_path / "x", "another").marker() == w.Marker()
    assert await other.marker() == w.Marker(0, 1)
    connection = sqlite3.connect(tmp_path / "x")
    assert connection.execute("SELECT a FROM t").fetchall() == [("a",)]
    connection.close()
    for each in (one, other):
        await each.aclose()


async def test_another_process_that_writes_is_waited_for(tmp_path: Path) -> None:
    one = target(tmp_path / "x")
    await one.marker()
    connection = sqlite3.connect(tmp_path / "x", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    turns = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.apply, [("a",)], w.Marker(), w.Marker(0, 1))
        for _ in range(20):
            await trio.sleep(0.01)
            turns += 1
        connection.execute("COMMIT")
    assert turns == 20
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(w.WallaroodError, match="database is locked"):
        await one.marker()
    connection.execute("COMMIT")
    assert await one.marker() == w.Marker(0, 1)
    connection.close()
    await one.aclose()


def test_names_and_values_are_taken_as_they_are() -> None:
    assert quoted('a "b"; --') == '"a ""b""; --"'
    assert [problem_of(each) for each in (1, "a", b"a", None, 1.5, True)] == [""] * 6
