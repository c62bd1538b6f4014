"""Rows in DuckDB: each once, by key or one after another; and what cannot work is said before."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.testing.connectors import SinkCase, prove_sink


@pytest.fixture
def context(tmp_path: Path) -> SinkContext:
    """Where the sink runs."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))


def select(path: Path, query: str) -> list[Any]:
    if not path.exists():
        return []
    connection = duckdb.connect(str(path))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def put(sink: w.DuckdbSink, context: SinkContext, *records: Any) -> None:
    writer = await sink.open(context, None)
    try:
        await writer.write(list(records))
        await writer.commit(await writer.prepare())
    finally:
        await writer.aclose()


WITHOUT_KILLS = ["published again", "commit cancelled", "zombie writer", "checkpoint put back"]


@pytest.mark.parametrize("only", [WITHOUT_KILLS, pytest.param([], marks=pytest.mark.long)])
async def test_it_is_exactly_once(tmp_path: Path, only: list[str]) -> None:
    path = tmp_path / "out.duckdb"
    sink = w.DuckdbSink(path, "lines", columns={"text": "VARCHAR"})

    def read() -> list[str]:
        return [text for (text,) in select(path, "SELECT text FROM lines ORDER BY rowid")]

    case = SinkCase(sink=sink, read=read, kills=1, only=only)
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    if only:
        assert list(proof.shown) == only
        return
    assert len(proof.shown) == 9
    assert set(proof.untried) == {"server killed", "server away", "server slow", "refused"}


async def test_by_key_the_last_one_stays(context: SinkContext, tmp_path: Path) -> None:
    path = tmp_path / "out.duckdb"
    columns = {"key": "VARCHAR", "number": "BIGINT"}
    sink = w.DuckdbSink(path, "last", columns=columns, key=["key"])
    await put(sink, context, ("a", 1), ("b", 2), ("a", 3))
    assert select(path, "SELECT * FROM last ORDER BY key") == [("a", 3), ("b", 2)]


async def test_values_stay_what_they_are(context: SinkContext, tmp_path: Path) -> None:
    path = tmp_path / "out.duckdb"
    kinds = {
        'a "b"': "DECIMAL(5, 2)", "day": "DATE", "raw": "BLOB", "many": "BIGINT[]", "yes": "BOOLEAN"
    }  # fmt: skip
    row = (Decimal("1.25"), date(2026, 11, 29), b"\x00\xff", [1, 2], True)
    await put(w.DuckdbSink(path, 'a "t"', columns=kinds), context, row, (None,) * 5)
    assert select(path, 'SELECT * FROM "a ""t""" ORDER BY rowid') == [row, (None,) * 5]


async def test_the_check_and_the_worker_say_the_same_of_a_table(
    context: SinkContext, tmp_path: Path
) -> None:
    path = tmp_path / "out.duckdb"
    w.DuckdbSink(path, "t", columns={"a": "INT"}).check()
    assert not path.exists(), "a check makes nothing"
    select_made(path, "CREATE TABLE t (a INT, c INT)")
    for sink, said in (
        (w.DuckdbSink(path, "t", columns=["a", "b"]), "table 't' has no column 'b'; it has a, c"),
        (w.DuckdbSink(path, "u", columns=["a"]), r"there is no table 'u': make it, or say columns"),
    ):
        with pytest.raises(w.WallaroodError, match=said):
            sink.check()
        with pytest.raises(w.WallaroodError, match=said):
            await put(sink, context, dict.fromkeys("ab", 1))
    w.DuckdbSink(path, "t", columns=["c"]).check()


def select_made(path: Path, statement: str) -> None:
    connection = duckdb.connect(str(path))
    connection.execute(statement)
    connection.close()


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(w.ApplicationError, match=r"key=.*expected a list of some columns"):
        w.DuckdbSink("x", "t", columns=["a"], key=["b"])
    with pytest.raises(w.ApplicationError, match="table='': expected a name"):
        w.DuckdbSink("x", "", columns=["a"])
    with pytest.raises(w.WallaroodError, match="there is no directory for it"):
        w.DuckdbSink(tmp_path / "no" / "x", "t", columns={"a": "INT"}).check()
