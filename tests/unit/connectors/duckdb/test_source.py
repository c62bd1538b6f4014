"""Rows of DuckDB in the order in which they were added; and what cannot be read on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.testing.connectors import SourceCase, prove_source

CONTEXT = SourceContext(limits=SourceLimits(batch_records_max=3))


def execute(path: Path, *statements: str) -> None:
    connection = duckdb.connect(str(path))
    for each in statements:
        connection.execute(each)
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a table of seven rows."""
    path = tmp_path / "in.duckdb"
    execute(path, "CREATE TABLE t (n INT, s VARCHAR)",
            "INSERT INTO t SELECT i, 's' || i FROM range(7) r(i)")  # fmt: skip
    return path


async def opened(source: w.DuckdbSource, position: Any = None) -> SourceReader:
    return await source.open("t", position, CONTEXT)


async def read(source: w.DuckdbSource, position: Any = None) -> list[Any]:
    reader, found = await opened(source, position), []
    with patiently(30):
        while (batch := await reader.read()) is not None:
            found.append((batch.position, batch.records, batch.unreadable))
    await reader.aclose()
    return found


async def test_from_each_position_the_rest_is_read(path: Path) -> None:
    source = w.DuckdbSource(path, "t", columns=["n"], follow=False)
    batches = await read(source)
    assert [each["n"] for _, records, _ in batches for each in records] == list(range(7))
    for number, (position, _, _) in enumerate(batches):
        assert await read(source, position) == batches[number + 1 :]


async def test_it_keeps_its_guarantee(tmp_path: Path) -> None:
    path = tmp_path / "kit.duckdb"
    execute(path, "CREATE TABLE t (s VARCHAR)")

    def append(_: str, records: list[Any]) -> None:
        execute(path, *[f"INSERT INTO t VALUES ('{each}')" for each in records])

    source = w.DuckdbSource(path, "t", columns=["s"])
    case = SourceCase(source=source, append=append, seen=lambda record: {"s": record})
    proof = await prove_source(case, tmp_path)
    assert {"read again", "read cancelled"} <= set(proof.shown)


async def test_a_row_that_does_not_fit_is_handed_on(path: Path) -> None:
    @dataclass
    class Row:
        n: int

    execute(path, "INSERT INTO t VALUES (NULL, 'x')")
    source = w.DuckdbSource(path, "t", columns=["n"], record=Row, follow=False, on_error="skip")
    batches = await read(source)
    assert [each.n for _, records, _ in batches for each in records] == list(range(7))
    assert [len(faults) for _, _, faults in batches] == [0, 0, 1]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM t WHERE n = 1",
        "UPDATE t SET s = 'other' WHERE n = 2",
        "CREATE OR REPLACE TABLE t AS SELECT i + 1 AS n, 's' AS s FROM range(50) r(i)",
        "DELETE FROM t",
    ],
)
async def test_rows_that_are_removed_or_changed_stop(change: str, path: Path) -> None:
    source = w.DuckdbSource(path, "t", columns=["n", "s"], follow=False)
    (position, _, _), *_ = await read(source)
    execute(path, change)
    with pytest.raises(w.ApplicationError, match="rows were removed or changed, or the table"):
        await read(source, position)


async def test_what_is_not_there_is_waited_for(path: Path) -> None:
    for source, said in (
        (w.DuckdbSource(path.with_name("no"), "t", columns=["n"]), "no is not there"),
        (w.DuckdbSource(path, "u", columns=["n"]), "there is no table 'u'"),
    ):
        with pytest.raises(w.ServerAwayError, match=said):
            await opened(source)
    with pytest.raises(w.ApplicationError, match="has no column 'x'; it has n, s"):
        await opened(w.DuckdbSource(path, "t", columns=["x"]))


def test_the_check_looks_at_the_table(path: Path) -> None:
    w.DuckdbSource(path, "t", columns=["n"]).check()
    with pytest.raises(w.ApplicationError, match="has no column 'x'"):
        w.DuckdbSource(path, "t", columns=["x"]).check()
