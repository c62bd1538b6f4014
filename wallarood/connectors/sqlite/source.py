"""A source of the rows of a table of SQLite, in the order in which they were added."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import attrs
import trio

from wallarood.app.connector import Scope, SourceContext, SourceLimits, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.columns import columns_of
from wallarood.connectors.sqlite.rows import Rows
from wallarood.connectors.tables.reader import RowReader

T = TypeVar("T")


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
        reader: RowReader[T] = RowReader(self, self._rows(context.limits), position)
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
