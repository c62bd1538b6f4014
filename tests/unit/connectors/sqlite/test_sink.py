"""Rows in SQLite: each once, by key or one after another; and what cannot work is said before."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.testing.connectors import SinkCase, prove_sink


@pytest.fixture
def context(tmp_path: Path) -> SinkContext:
    """Where the sink runs."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))


def select(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def put(sink: w.SqliteSink, context: SinkContext, *records: Any) -> None:
    writer = await sink.open(context, None)
    try:
        await writer.write(list(records))
        await writer.commit(await writer.prepare())
    finally:
        await writer.aclose()


async def test_it_is_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    sink = w.SqliteSink(path, "lines", columns=["text"])

    def read() -> list[str]:
        if not path.exists():
            return []
        return [text for (text,) in select(path, "SELECT text FROM lines ORDER BY rowid")]

    case = SinkCase(sink=sink, read=read, kills=1)
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    assert len(proof.shown) == 9
    assert set(proof.untried) == {"server killed", "server away", "server slow", "refused"}


async def test_by_key_the_last_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    sink = w.SqliteSink(path, "last", columns=["key", "number"], key=["key"])

    def record(number: int) -> tuple[str, int]:
        return f"key {number % 5}", number

    def seen(records: list[Any]) -> list[Any]:
        return sorted(dict(records).items())

    case = SinkCase(
        sink=sink,
        read=lambda: select(path, "SELECT key, number FROM last ORDER BY key"),
        record=record,
        seen=seen,
        only=["published again", "commit cancelled", "zombie writer", "checkpoint put back"],
    )
    proof = await prove_sink(case, tmp_path / "spools")
    assert len(proof.shown) == 4


async def test_values_stay_what_they_are(context: SinkContext, tmp_path: Path) -> None:
    values = [1, -(1 << 63), (1 << 63) - 1, 1.5, "é", "", b"\x00\xff", None, True]
    path = tmp_path / "out.db"
    sink = w.SqliteSink(path, 'a "table"', columns=["a b", 'c"'])
    await put(sink, context, *[{"a b": value, 'c"': n} for n, value in enumerate(values)])
    found = select(path, 'SELECT "a b" FROM "a ""table""" ORDER BY rowid')
    assert [value for (value,) in found] == values


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1 << 63, "does not fit into 64 bits"),
        ([1], "a value of class list"),
        (float("nan"), "NaN, which SQLite keeps as NULL"),
        ("\ud800", "a text with a lone surrogate"),
    ],
)
async def test_a_value_that_cannot_be_kept_is_refused_where_it_is_made(
    value: Any, said: str, context: SinkContext, tmp_path: Path
) -> None:
    sink = w.SqliteSink(tmp_path / "out.db", "t", columns=["a", "b"])
    writer = await sink.open(context, None)
    with pytest.raises(w.ApplicationError, match=f"SqliteSink: column 'b': .*{said}"):
        await writer.write([("a", value)])


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(w.ApplicationError, match=r"key=.*expected a list of some columns"):
        w.SqliteSink("x", "t", columns=["a"], key=["b"])
    with pytest.raises(w.ApplicationError, match="key='a': expected a list"):
        w.SqliteSink("x", "t", columns=["a"], key="a")
    with pytest.raises(w.ApplicationError, match="table='': expected a name"):
        w.SqliteSink("x", "", columns=["a"])
    with pytest.raises(w.WallaroodError, match="there is no directory for it"):
        w.SqliteSink(tmp_path / "no" / "x.db", "t", columns=["a"]).check()


async def test_the_check_and_the_worker_say_the_same_of_a_table(
    context: SinkContext, tmp_path: Path
) -> None:
    path = tmp_path / "out.db"
    w.SqliteSink(path, "t", columns=["a"]).check()
    assert not path.exists(), "a check makes nothing"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a, c)")
    connection.close()
    sink = w.SqliteSink(path, "t", columns=["a", "b"])
    said = "out.db: table 't' has no column 'b'; it has a, c"
    with pytest.raises(w.WallaroodError, match=said):
        sink.check()
    with pytest.raises(w.WallaroodError, match=said):
        await put(sink, context, (1, 2))
    w.SqliteSink(path, "t", columns=["c"]).check()


async def test_a_file_of_something_else_is_named(context: SinkContext, tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    path.write_bytes(b"something else, which is long enough to be a file of SQLite" * 50)
    sink = w.SqliteSink(path, "t", columns=["a"])
    with pytest.raises(w.WallaroodError, match=r"out.db: file is not a database"):
        sink.check()
    with pytest.raises(w.WallaroodError, match=r"out.db: file is not a database"):
        await put(sink, context, ("a",))
