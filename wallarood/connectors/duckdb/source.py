"""A source of the rows of a table of DuckDB, in the order in which they were added."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import attrs
import trio

from wallarood.app.connector import Scope, SourceContext, SourceLimits, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.columns import columns_of
from wallarood.connectors.duckdb.file import check_duckdb
from wallarood.connectors.duckdb.rows import Rows
from wallarood.connectors.tables.reader import RowReader

T = TypeVar("T")


@attrs.frozen(init=False)
class DuckdbSource(Generic[T]):
    """The rows of *table* in the DuckDB file *path*, in the order in which they were added.

    Needs ``pip install 'wallarood[duckdb]'``. A record is a dict of *columns*, or an object of the
    class *record* with these fields (a dataclass, attrs class or Struct). The source waits for rows
    that are added, and for the file itself; with ``follow=False`` it ends with what is there. With
    *on_error* "skip" or `dead_letter(sink)` (default "stop") a row that is not of its type is
    skipped or a dead letter.

    Only tables to which rows are added can be read: where rows were removed, or changed so that
    they moved, the source stops, since DuckDB gives their numbers to others. DuckDB lets no other
    process read a file that one has open to write: it is opened for each look only, and waited for.

    Guarantee: exactly once. A position is a rowid, with a checksum of that row.

    >>> import wallarood as w
    >>> orders = w.DuckdbSource("shop.duckdb", "orders", columns=["item", "count"])
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
        self: "DuckdbSource[dict[str, Any]]",
        path: str | Path,
        table: str,
        *,
        columns: Sequence[str],
        follow: bool = ...,
        on_error: OnError = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: "DuckdbSource[T]",
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
        names = columns_of("DuckdbSource", columns).names
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
        """See `Source.open`. Raises ServerAwayError: the file or the table cannot be read now.

        Raises ApplicationError: the table has other columns.
        """
        rows = Rows(self.path, self.table, self.columns, context.limits)
        await trio.to_thread.run_sync(rows.connect)
        return RowReader(self, rows, position)

    def check(self) -> None:
        """Raises WallaroodError: the library is missing, or the table cannot be read."""
        check_duckdb()
        if self.path.exists():
            Rows(self.path, self.table, self.columns, SourceLimits()).connect()
