"""A source of the rows that a table of PostgreSQL has, kept up to date: for `w.table`."""

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from wallarood.app.connector import Scope, SourceBatch, SourceContext
from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.reader import ChangeReader
from wallarood.connectors.postgres.source import PostgresSource
from wallarood.model.errors import ApplicationError


class PostgresRow(msgspec.Struct, frozen=True):
    """A row as it is from `time` on: what `PostgresTableSource` gives.

    `key` has the values of the primary key, `values` those of all columns by name; None if the row
    is deleted. `time` is that of the commit, in microseconds since 1970 UTC.
    """

    key: tuple[Any, ...]
    values: dict[str, Any] | None
    time: int

    @property
    def deleted(self) -> bool:
        """Whether there is no such row any more."""
        return self.values is None


@attrs.frozen(init=False)
class PostgresTableSource:
    """The rows of a table of PostgreSQL, and each again when it has changed: for `w.table`.

    First all rows that are there, then `PostgresRow` for each that was added, changed or deleted;
    if its key was changed, the old key is deleted. A stream that is enriched waits until all rows
    have been read that were there when the source began. *conninfo*, *slot*, *publication* and
    *password_file* are those of `PostgresSource`, and so is what it needs; each needs a slot of its
    own.

    A large value that an update has not changed is read from the table, as it is by then, unless
    the table has ``REPLICA IDENTITY FULL``. TRUNCATE stops the source, since which rows there were
    is not known then: use DELETE.

    Guarantee: exactly once, as for `PostgresSource`.

    >>> import wallarood as w
    >>> url = "postgresql://app@localhost/shop"
    >>> rows = w.source("people", w.PostgresTableSource(url, "people", slot="people"))
    >>> people = w.table(
    ...     rows.key_by(lambda row: row.key[0]), ttl=w.forever, deleted=lambda row: row.deleted
    ... )
    """

    changes: PostgresSource
    scope: Scope = Scope.SHARED
    record: Any = PostgresRow
    bounded: bool = False
    stamped: bool = True

    def __init__(
        self,
        conninfo: str,
        table: str,
        *,
        slot: str = "wallarood",
        publication: str | None = None,
        password_file: str | None = None,
    ) -> None:
        changes = PostgresSource(
            conninfo, table, slot=slot, publication=publication, password_file=password_file
        )
        self.__attrs_init__(changes)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the slot."""
        return self.changes.partitions()

    def size_bytes(self, partition: str) -> int | None:
        """See `Source.size_bytes`."""
        return self.changes.size_bytes(partition)

    async def check_connected(self) -> None:
        """See `PostgresSource.check_connected`."""
        await self.changes.check_connected()

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TableReader":
        """See `Source.open`."""
        return TableReader(await self.changes.open(partition, position, context))


@attrs.define(eq=False)
class TableReader:
    """See `SourceReader`."""

    changes: ChangeReader
    _batch: SourceBatch[PostgresChange] | None = attrs.field(default=None, init=False)
    """What was read, and is not told yet."""

    @property
    def caught_up(self) -> bool:
        """See `SourceReader.read`."""
        return self._batch is None and self.changes.caught_up

    async def read(self) -> SourceBatch[PostgresRow] | None:
        """See `SourceReader.read`."""
        if self._batch is None:
            self._batch = await self.changes.read()
        if self._batch is None:
            return None
        rows: list[PostgresRow] = []
        for change in self._batch.records:
            rows += await self._rows(change)
        batch, self._batch = self._batch, None
        return SourceBatch(rows, batch.position, (), [row.time for row in rows])

    async def _rows(self, change: PostgresChange) -> list[PostgresRow]:
        match change.operation:
            case "schema":
                return []
            case "delete":
                return [PostgresRow(change.key, None, change.time)]
            case "truncate":
                raise ApplicationError(
                    f"{self.changes.wanted.database}: table {change.table!r} was truncated, and "
                    "which rows it had is not told: remove rows by DELETE, and form a new cluster "
                    "to read the table from its beginning"
                )
        values = change.values
        if change.unchanged:
            now = await self.changes.current(change)
            if now is None:
                return []  # it was deleted or got another key since: that is told next
            now = {name: now[name] for name in change.unchanged if name in now}
            values = {**(values or {}), **now}
        rows = [PostgresRow(change.key, values, change.time)]
        before = change.key if change.old is None else await self.changes.old_key(change)
        if before != change.key:
            rows.insert(0, PostgresRow(before, None, change.time))
        return rows

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`."""
        await self.changes.committed(position)

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        await self.changes.aclose()
