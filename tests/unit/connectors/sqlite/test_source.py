"""Rows as they are added: each once, from its rowid on, and never skipped in silence."""

import sqlite3
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.testing.connectors import SourceCase, prove_source

CONTEXT = w.SourceContext("in", "alpha")


@attrs.frozen
class Order:
    """A record."""

    item: str
    count: int


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for each in statements:
            connection.execute(each)
    connection.close()


def add(path: Path, *rows: tuple[Any, ...]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany("INSERT INTO orders (item, count) VALUES (?, ?)", rows)
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with an empty table."""
    path = tmp_path / "shop.db"
    execute(path, "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, item, count)")
    return path


async def read(source: Any, position: Any = None) -> w.SourceBatch[Any] | None:
    reader = await source.open("orders", position, CONTEXT)
    try:
        with patiently(5):
            found: w.SourceBatch[Any] | None = await reader.read()
            return found
    finally:
        await reader.aclose()


async def test_it_is_proven(path: Path, tmp_path: Path) -> None:
    case = SourceCase(
        source=w.SqliteSource(path, "orders", columns=["item", "count"]),
        append=lambda _, rows: add(path, *rows),
        record=lambda number: (f"item {number}", number),
        seen=lambda row: {"item": row[0], "count": row[1]},
        wrong={
            "column": (w.SqliteSource(path, "orders", columns=["price"]), "no column 'price'"),
            "table": (w.SqliteSource(path, "others", columns=["item"]), "no table 'others'"),
            "file": (w.SqliteSource(tmp_path / "x", "orders", columns=["item"]), "is not there"),
        },
    )
    proof = await prove_source(case, tmp_path)
    assert list(proof.shown) == ["read again", "read cancelled", "refused"]


async def test_rows_become_objects_or_what_on_error_says(path: Path) -> None:
    add(path, ("a", 1), ("b", "many"), ("c", 3))
    source = w.SqliteSource(
        path, "orders", columns=["item", "count"], record=Order, on_error="skip"
    )
    batch = await read(source)
    assert batch is not None
    assert batch.records == [Order("a", 1), Order("c", 3)]
    (bad,) = batch.unreadable
    assert bad.place == f"{path}: table 'orders', rowid 2"
    assert bad.raw == b"('b', 'many')"
    assert "count" in bad.error
    with pytest.raises(w.ApplicationError, match=r"rowid 2: .*count.*; the row is \('b', 'many'\)"):
        await read(w.SqliteSource(path, "orders", columns=["item", "count"], record=Order))


async def test_a_text_that_is_not_utf8_is_unreadable(path: Path) -> None:
    add(path, ("a", 1), ("b", 2))
    execute(path, "UPDATE orders SET item = CAST(x'ff' AS TEXT) WHERE id = 1")
    batch = await read(w.SqliteSource(path, "orders", columns=["item"], on_error="skip"))
    assert batch is not None
    assert (batch.records, batch.position) == ([{"item": "b"}], 2)
    assert [(each.error, each.raw) for each in batch.unreadable] == [
        ("text that is not UTF-8", rb"(b'\xff',)")
    ]
    with pytest.raises(w.ApplicationError, match="rowid 1: text that is not UTF-8"):
        await read(w.SqliteSource(path, "orders", columns=["item"]))


async def test_it_has_caught_up_when_there_are_no_more_rows(path: Path) -> None:
    add(path, ("a", 1))
    reader = await w.SqliteSource(path, "orders", columns=["item"]).open("orders", None, CONTEXT)
    caught_up = [reader.caught_up]  # type: ignore[attr-defined]
    await reader.read()
    caught_up.append(reader.caught_up)  # type: ignore[attr-defined]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read)
        with patiently(5):
            while not reader.caught_up:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    await reader.aclose()
    assert caught_up == [False, False]


async def test_one_that_does_not_follow_ends(path: Path) -> None:
    add(path, ("a", 1))
    source = w.SqliteSource(path, "orders", columns=["item"], follow=False)
    assert source.bounded
    assert await read(source, 1) is None
    assert not w.SqliteSource(path, "orders", columns=["item"]).bounded


async def test_rows_that_are_added_later_come(path: Path) -> None:
    reader = await w.SqliteSource(path, "orders", columns=["item"]).open("orders", None, CONTEXT)
    found: list[Any] = []

    async def take() -> None:
        batch = await reader.read()
        assert batch is not None
        found.extend(batch.records)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.sleep(0.1)
        await trio.to_thread.run_sync(add, path, ("a", 1))
    assert found == [{"item": "a"}]
    await reader.aclose()


async def test_numbers_that_begin_again_stop_it(path: Path) -> None:
    add(path, ("a", 1), ("b", 2), ("c", 3))
    source = w.SqliteSource(path, "orders", columns=["item"], follow=False)
    execute(path, "DELETE FROM orders")
    assert await read(source, 3) is None, "removed rows are no harm with AUTOINCREMENT"
    execute(path, "DROP TABLE orders", "CREATE TABLE orders (item, count)")
    add(path, ("new", 1))
    with pytest.raises(w.ApplicationError, match="read up to rowid 3, but has given none above 1"):
        await read(source, 3)


def test_a_check_names_a_column_that_is_missing(path: Path) -> None:
    w.SqliteSource(path, "orders", columns=["item"]).check()
    w.SqliteSource(path.with_name("later.db"), "orders", columns=["item"]).check()
    with pytest.raises(w.WallaroodError, match="has no column 'x'; it has id, item, count"):
        w.SqliteSource(path, "orders", columns=["x"]).check()
