"""What is read of a table, and that what does not pass by itself is said and not waited for."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from wallarood.app.connector import SourceLimits
from wallarood.connectors.sqlite.rows import NotText, Rows
from wallarood.model.errors import ApplicationError, ServerAwayError


def execute(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a table of three rows, two of them of rowids that are not positive."""
    path = tmp_path / "shop.db"
    execute(
        path,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, item);"
        "INSERT INTO orders VALUES (-7, 'a'), (0, 'b'), (2, 'c')",
    )
    return path


@contextmanager
def opened(path: Path, table: str = "orders", **limits: int) -> Iterator[Rows]:
    rows = Rows(path, table, ("item",), SourceLimits(**limits))
    rows.connect()
    with closing(rows):
        yield rows


def test_rowids_that_are_not_positive_are_read(path: Path) -> None:
    with opened(path) as rows:
        assert rows.behind(None) == [(-7, "a"), (0, "b"), (2, "c")]
        assert rows.behind(-7) == [(0, "b"), (2, "c")]
        assert rows.behind(0) == [(2, "c")]


def test_a_batch_is_not_larger_than_it_may_be_by_more_than_a_row(path: Path) -> None:
    execute(path, "UPDATE orders SET item = printf('%.*c', 1000, 'x')")
    with opened(path, batch_bytes_max=1500) as rows:
        assert [row[0] for row in rows.behind(None)] == [-7, 0]
        execute(path, "INSERT INTO orders VALUES (3, 'no read is under way')")


def test_only_a_text_that_is_not_utf8_is_not_text(path: Path) -> None:
    execute(path, "UPDATE orders SET item = CAST(x'ff41' AS TEXT) WHERE id = 0")
    execute(path, "UPDATE orders SET item = x'ff42' WHERE id = 2")
    with opened(path) as rows:
        found = [row[1] for row in rows.behind(None)]
        assert found == ["a", b"\xffA", b"\xffB"]
        assert list(map(type, found)) == [str, NotText, bytes]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("CREATE VIEW bad AS SELECT * FROM orders", "'bad' is a view: expected a table"),
        ("CREATE TABLE bad (item PRIMARY KEY) WITHOUT ROWID", "not WITHOUT ROWID"),
        ("CREATE TABLE bad (item, rowid, oid, _rowid_)", "not all of rowid, _rowid_ and oid"),
    ],
)
def test_what_has_no_rowid_is_refused(path: Path, script: str, message: str) -> None:
    execute(path, script)
    with pytest.raises(ApplicationError, match=message), opened(path, "bad"):
        pass


def test_a_column_may_be_called_rowid(path: Path) -> None:
    execute(
        path, "CREATE TABLE odd (item, ROWID); INSERT INTO odd VALUES ('a', 9), ('b', 'x'), (3, 1)"
    )
    with opened(path, "odd") as rows:
        assert rows.behind(1) == [(2, "b"), (3, 3)]
        assert rows.behind(3) == []


def test_what_passes_is_waited_for_and_what_does_not_is_said(path: Path) -> None:
    with opened(path) as rows, closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert rows._connection is not None
        rows._connection.execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServerAwayError, match="database is locked"):
            rows.behind(None)
        other.execute("ROLLBACK")
        execute(path, "DROP TABLE orders")
        with pytest.raises(ApplicationError, match="no such table"):
            rows.behind(2)
    path.write_bytes(b"These are not the rows of a database. " * 40)
    with pytest.raises(ApplicationError, match="not a database"), opened(path):
        pass


def _new(path: Path) -> None:
    made = path.with_name("new")
    execute(made, "CREATE TABLE orders (id INTEGER PRIMARY KEY, item)")
    execute(made, "INSERT INTO orders VALUES (1, 'x'), (2, 'y'), (3, 'z')")
    made.replace(path)


@pytest.mark.parametrize(("change", "stops"), [(_new, True), (Path.unlink, False)])
def test_a_file_that_was_replaced_stops_it(
    path: Path, change: Callable[[Path], Any], stops: bool
) -> None:
    with opened(path) as rows:
        change(path)
        assert rows.behind(0) == [(2, "c")], "what the old file still has is read"
        if stops:
            with pytest.raises(ApplicationError, match=r"replaced by another file .* rowid 2"):
                rows.behind(2)
        else:
            assert rows.behind(2) == []


def test_a_file_that_was_replaced_before_a_row_was_read_is_opened(path: Path) -> None:
    execute(path, "DELETE FROM orders")
    with opened(path) as rows:
        _new(path)
        with pytest.raises(ServerAwayError, match="replaced"):
            rows.behind(None)
    with opened(path) as rows:
        assert len(rows.behind(None)) == 3
