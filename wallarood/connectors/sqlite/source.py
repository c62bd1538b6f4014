"""A source of the rows of a table of SQLite, in the order in which they were added."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import attrs
import msgspec
import trio

from wallarood.app.connector import (
    Scope,
    SourceBatch,
    SourceContext,
    SourceLimits,
    SourceReader,
    Unreadable,
)
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.columns import columns_of
from wallarood.connectors.sqlite.target import BUSY_S, quoted
from wallarood.model.errors import ApplicationError, ServerAwayError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")

LOOK_FIRST_S = 0.05
LOOK_MAX_S = 1.0


@attrs.frozen(init=False)
class SqliteSource(Generic[T]):
    """The rows of *table* in the SQLite file *path*, in the order of their rowid.

    A record is a dict of *columns*, or an object of class *record* with these fields (a dataclass,
    attrs class or Struct). The source waits for rows that are added, by any process, and for the
    file itself; with ``follow=False`` it ends with what is there. Rows that are changed are not
    read again. The table should have an INTEGER PRIMARY KEY AUTOINCREMENT; without that, rows must
    not be removed, since SQLite gives their numbers to others. With *on_error* "skip" or
    `dead_letter(sink)` (default "stop") a row that is not of its type is skipped or a dead letter.

    Guarantee: exactly once. A position is a rowid.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.SqliteSource("shop.db", "orders", columns=["item", "count"]))
    """

    path: Path
    table: str
    columns: tuple[str, ...]
    record: Any
    follow: bool
    on_error: OnError
    scope: Scope = Scope.SHARED

    @overload
    def __init__(
        self: "SqliteSource[dict[str, Any]]",
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str],
        follow: bool = ...,
        on_error: OnError = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: "SqliteSource[T]",
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str],
        record: type[T],
        follow: bool = ...,
        on_error: OnError = ...,
    ) -> None: ...
    def __init__(
        self,
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str],
        record: Any = dict[str, Any],
        follow: bool = True,
        on_error: OnError = "stop",
    ) -> None:
        policy_of(on_error)
        names = columns_of("SqliteSource", columns).names
        self.__attrs_init__(Path(path), table, names, record, follow, on_error)

    @property
    def bounded(self) -> bool:
        """See `Source.bounded`."""
        return not self.follow

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (self.table,)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> SourceReader[T]:  # noqa: ARG002
        """See `Source.open`. Raises ServerAwayError: the file is not there."""
        reader = RowReader(self, position or 0, context.limits)
        await trio.to_thread.run_sync(reader.connect)
        return reader

    def check(self) -> None:
        """Raises WallaroodError: the table cannot be read. Changes nothing."""
        if self.path.exists():
            RowReader(self, 0, SourceLimits()).check()


@attrs.define(eq=False)
class RowReader(Generic[T]):
    """An open `SqliteSource`. What touches the file runs in a thread, one call at a time."""

    source: SqliteSource[T]
    position: int
    limits: SourceLimits
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)

    def connect(self) -> None:
        """Open the file, to read only. Raises ServerAwayError: it is not there."""
        source = self.source
        if not source.path.exists():
            raise ServerAwayError(f"{source.path} is not there")
        self._call(self._connect)

    def _connect(self) -> None:
        uri = f"{self.source.path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._connection = connection
        table = self.source.table
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]
        if not found:
            raise ServerAwayError(f"{self.source.path}: there is no table {table!r}")
        missing = [each for each in self.source.columns if each not in found]
        if missing:
            raise ApplicationError(
                f"{self.source.path}: table {table!r} has no column {missing[0]!r}; it has "
                f"{', '.join(found)}"
            )

    def check(self) -> None:
        """As `SqliteSource.check`."""
        try:
            self.connect()
        finally:
            self._close()

    def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except sqlite3.Error as error:
            raise ServerAwayError(f"{self.source.path}: {error}") from error

    async def read(self) -> SourceBatch[T] | None:
        """See `SourceReader.read`."""
        look_s = LOOK_FIRST_S
        while True:
            rows = await trio.to_thread.run_sync(self._call, self._select)
            if rows:
                self.position = rows[-1][0]
                return self._batch(rows)
            if not self.source.follow:
                return None
            await trio.sleep(look_s)
            look_s = min(2 * look_s, LOOK_MAX_S)

    def _select(self) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        names = ", ".join(map(quoted, self.source.columns))
        table = quoted(self.source.table)
        rows = self._connection.execute(
            f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (self.position, self.limits.batch_records_max),
        ).fetchall()
        if not rows and self.position:
            self._check_there(table)
        return rows

    def _check_there(self, table: str) -> None:
        """Raises ApplicationError: rowids begin again, so that new rows would be skipped."""
        assert self._connection is not None
        (highest,) = self._connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()
        try:
            given = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = ?", (self.source.table,)
            ).fetchone()
        except sqlite3.OperationalError:  # no table of the file has AUTOINCREMENT
            given = None
        highest = max(highest or 0, given[0] if given else 0)
        if highest < self.position:
            raise ApplicationError(
                f"{self.source.path}: table {self.source.table!r} was read up to rowid "
                f"{self.position}, but has given none above {highest}: it was made again, or its "
                "last rows were removed and it has no AUTOINCREMENT, so new rows would be skipped. "
                "Put the file back; or form a new cluster, which reads it from the beginning"
            )

    def _batch(self, rows: list[tuple[Any, ...]]) -> SourceBatch[T]:
        records: list[Any] = [dict(zip(self.source.columns, row[1:], strict=True)) for row in rows]
        if self.source.record == dict[str, Any]:
            return SourceBatch(records, self.position)
        taken: list[T] = []
        unreadable = []
        for row, record in zip(rows, records, strict=True):
            try:
                taken.append(msgspec.convert(record, self.source.record, strict=False))
            except msgspec.ValidationError as error:
                unreadable.append(self._unreadable(row, str(error)))
        return SourceBatch(taken, self.position, tuple(unreadable))

    def _unreadable(self, row: tuple[Any, ...], error: str) -> Unreadable:
        place = f"{self.source.path}: table {self.source.table!r}, rowid {row[0]}"
        if policy_of(self.source.on_error) is ErrorPolicy.STOP:
            raise ApplicationError(f"{place}: {error}; the row is {row[1:]!r:.200}")
        return Unreadable(error, repr(row[1:]).encode(), place)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: rows stay."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        await trio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
