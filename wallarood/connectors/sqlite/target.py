"""A table of SQLite for one writer: rows and the marker change in one transaction.

Theory of operation
===================
A transaction begins as one that writes, so it waits for what another process has under way, and
what a process left behind that died is rolled back by SQLite before. Nothing blocks the event loop:
all that touches the file runs in a thread, one call at a time.

Where another file takes the path, as a backup that is put back, what is written would go to one
that nobody sees any more. So before and after each transaction it is looked whether the path still
has the file that is open; else the marker is read again, of what has the path now.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio

from wallarood.connectors.columns import Columns
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ApplicationError, CannotCreateError

BUSY_S = 2.0
"""How long to wait for another process that writes, before it is tried again later."""
MARKERS = "wallarood_markers"
TAKEN = (int, float, str, bytes, bool, type(None))
INTEGER_MAX = 1 << 63

T = TypeVar("T")


@attrs.define(eq=False)
class TableTarget:
    """Rows of the table `table` in the file `path`; a row replaces one with the same `key`."""

    path: Path
    table: str
    columns: Columns
    key: tuple[str, ...]
    writer: str
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _file: tuple[int, int] | None = attrs.field(default=None, init=False)
    """Which file is open."""

    def encode(self, records: list[Any]) -> list[tuple[Any, ...]]:
        """See `Target`. Raises ApplicationError: a record does not fit into the table."""
        rows = self.columns.rows(records)
        for row in rows:
            for name, value in zip(self.columns.names, row, strict=True):
                if problem := problem_of(value):
                    raise ApplicationError(f"{self.columns.named}: column {name!r}: {problem}")
        return rows

    async def marker(self) -> Marker:
        """See `Target.marker`."""
        return await self._in_thread(self._read_marker)

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:
        """See `Target.apply`."""

        def apply() -> None:
            with self._transaction() as connection:
                found = self._found(connection)
                if found != expected:
                    raise MarkerMovedError(f"the marker is {found} where {expected} was expected")
                connection.executemany(self._insert, records)
                connection.execute(
                    f"INSERT OR REPLACE INTO {MARKERS} VALUES (?, ?, ?)",
                    (self.writer, new.line, new.last),
                )

        await self._in_thread(apply)

    async def check(self) -> None:
        """See `Target`. Raises CannotCreateError or ApplicationError: the table cannot be used."""
        await trio.to_thread.run_sync(self.check_file)

    async def aclose(self) -> None:
        """Close the file."""
        await trio.to_thread.run_sync(self._close)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(call)
        except sqlite3.Error as error:
            await trio.to_thread.run_sync(self._close)
            raise CannotCreateError(str(error)) from error

    def check_file(self) -> None:
        """As `check`, at once. Makes no file and changes none."""
        if not self.path.exists():
            if not self.path.absolute().parent.is_dir():
                raise CannotCreateError(f"{self.path}: there is no directory for it")
            return
        try:
            connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                self._check_columns(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise CannotCreateError(f"{self.path}: {error}") from error

    def _check_columns(self, connection: sqlite3.Connection) -> None:
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(self.table)})")]
        missing = [each for each in self.columns.names if found and each not in found]
        if missing:
            raise ApplicationError(
                f"{self.path}: table {self.table!r} has no column {missing[0]!r}; it has "
                f"{', '.join(found)}"
            )

    def _read_marker(self) -> Marker:
        self._close()
        with self._transaction() as connection:
            return self._found(connection)

    def _found(self, connection: sqlite3.Connection) -> Marker:
        row = connection.execute(
            f"SELECT line, last FROM {MARKERS} WHERE writer = ?", (self.writer,)
        ).fetchone()
        return Marker() if row is None else Marker(*row)

    @property
    def _insert(self) -> str:
        names = ", ".join(map(quoted, self.columns.names))
        marks = ", ".join("?" * len(self.columns.names))
        insert = f"INSERT INTO {quoted(self.table)} ({names}) VALUES ({marks})"
        if not self.key:
            return insert
        others = [each for each in self.columns.names if each not in self.key]
        changes = ", ".join(f"{quoted(each)} = excluded.{quoted(each)}" for each in others)
        what = f"UPDATE SET {changes}" if changes else "NOTHING"
        return f"{insert} ON CONFLICT ({', '.join(map(quoted, self.key))}) DO {what}"

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._connection is not None and not self._is_same():
            self._close()
        connection = self._connection or self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if not self._is_same():
            raise sqlite3.OperationalError("the file was replaced while it was written")

    def _is_same(self) -> bool:
        """Whether the path still has the file that is open."""
        return self._file == self._file_now()

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._connection, self._file = connection, self._file_now()
        connection.execute("PRAGMA synchronous = FULL")  # durable when COMMIT returns
        names = [quoted(each) for each in self.columns.names]
        key = f", PRIMARY KEY ({', '.join(map(quoted, self.key))})" if self.key else ""
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {quoted(self.table)} ({', '.join(names)}{key})"
        )
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {MARKERS} "
            "(writer TEXT PRIMARY KEY, line INTEGER NOT NULL, last INTEGER NOT NULL)"
        )
        self._check_columns(connection)
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()


def quoted(name: str) -> str:
    """A name of a table or column, as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def problem_of(value: Any) -> str:
    """Why SQLite cannot keep *value* as it is; empty if it can."""
    if not isinstance(value, TAKEN):
        return f"a value of class {type(value).__qualname__}: expected int, float, str, bytes, None"
    if isinstance(value, int) and not -INTEGER_MAX <= value < INTEGER_MAX:
        return f"{value} does not fit into 64 bits"
    if isinstance(value, float) and value != value:  # noqa: PLR0124
        return "NaN, which SQLite keeps as NULL"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "a text with a lone surrogate, which is not UTF-8"
    return ""
