"""A source of the rows of a table of SQLite, in the order in which they were added."""

from collections.abc import Sequence
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
from wallarood.connectors.sqlite.rows import NotText, Rows
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")

LOOK_FIRST_S = 0.05
LOOK_MAX_S = 1.0
NOT_TEXT = "text that is not UTF-8"


@attrs.frozen(init=False)
class SqliteSource(Generic[T]):
    """The rows of *table* in the SQLite file *path*, in the order of their rowid.

    A record is a dict of *columns*, or an object of class *record* with these fields (a dataclass,
    attrs class or Struct). The source waits for rows that are added, by any process, and for the
    file itself; with ``follow=False`` it ends with what is there. Rows that are changed, or added
    below a rowid that was read, are not read. The table should have an INTEGER PRIMARY KEY
    AUTOINCREMENT; without that, rows must not be removed, since SQLite gives their numbers to
    others. Views and tables WITHOUT ROWID are refused. With *on_error* "skip" or
    `dead_letter(sink)` (default "stop") a row that is not of its type, or has text that is not
    UTF-8, is skipped or a dead letter.

    The source stops when it finds, with no new row to read, that another file has its path or that
    its table has given no rowid as high as that of the last row read. A table that was dropped and
    made anew is noticed only by that: if it has more rows by then, those behind the last rowid are
    read as if the table were the old one.

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
        """See `Source.open`. Raises ServerAwayError: the file or the table is not there.

        Raises ApplicationError: the table cannot be read.
        """
        reader = RowReader(self, position, self._rows(context.limits))
        await trio.to_thread.run_sync(reader.rows.connect)
        return reader

    def check(self) -> None:
        """Raises WallaroodError: the table cannot be read. Changes nothing."""
        if self.path.exists():
            rows = self._rows(SourceLimits())
            rows.connect()
            rows.close()

    def _rows(self, limits: SourceLimits) -> Rows:
        return Rows(self.path, self.table, self.columns, limits)


@attrs.define(eq=False)
class RowReader(Generic[T]):
    """An open `SqliteSource`. What touches the file runs in a thread, one call at a time."""

    source: SqliteSource[T]
    position: int | None
    rows: Rows
    caught_up: bool = attrs.field(default=False, init=False)

    async def read(self) -> SourceBatch[T] | None:
        """See `SourceReader.read`."""
        look_s = LOOK_FIRST_S
        while True:
            rows = await trio.to_thread.run_sync(self.rows.behind, self.position)
            self.caught_up = not rows
            if rows:
                self.position = rows[-1][0]
                return self._batch(rows)
            if not self.source.follow:
                return None
            await trio.sleep(look_s)
            look_s = min(2 * look_s, LOOK_MAX_S)

    def _batch(self, rows: list[tuple[Any, ...]]) -> SourceBatch[T]:
        wrong = {row[0] for row in rows if NotText in map(type, row)}
        unreadable = [self._unreadable(row, NOT_TEXT) for row in rows if row[0] in wrong]
        if wrong:
            rows = [row for row in rows if row[0] not in wrong]
        records: list[Any] = [dict(zip(self.source.columns, row[1:], strict=True)) for row in rows]
        if self.source.record == dict[str, Any]:
            return SourceBatch(records, self.position, tuple(unreadable))
        taken: list[T] = []
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
        await trio.to_thread.run_sync(self.rows.close)
