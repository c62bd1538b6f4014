"""The rows that tables have: read in parts, in one transaction, by an ordinary connection."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.collect import Doubtful, Key, settled
from wallarood.connectors.postgres.changes.oids import SETTINGS
from wallarood.connectors.postgres.changes.place import Pass, Place, Snapshot, lsn_of
from wallarood.connectors.postgres.changes.shapes import Shape
from wallarood.connectors.postgres.server import Database, Session
from wallarood.model.errors import ConfigurationError, ServerAwayError

T = TypeVar("T")

READ_S = 300.0
"""How long a part may take."""
COUNT_FIRST = 32
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SNAPSHOT = """
SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text,
    (extract(epoch FROM now()) * 1000000)::int8
"""
_OPEN = """
SELECT pid, coalesce(application_name, '') FROM pg_stat_activity
WHERE backend_xid IS NOT NULL ORDER BY age(backend_xid) DESC LIMIT 1
"""


@attrs.define(eq=False)
class Tables:
    """Reads the rows of tables from where *place* stands, and what is to be known of them."""

    database: Database
    publication: str
    session: Session
    place: Place
    _shapes: dict[str, Shape] = attrs.field(factory=dict, init=False)
    _time: int | None = attrs.field(default=None, init=False)
    """That of the snapshot; None before there is one."""
    _count: int = attrs.field(default=COUNT_FIRST, init=False)

    async def shape(self, table: str) -> Shape:
        """How *table* looks. Raises ConfigurationError: it is gone."""
        if table not in self._shapes:
            publication = self.publication
            found = await self._run(lambda connection: Shape.of(connection, table, publication))
            if not found.columns.all:
                raise ConfigurationError(f"{self.database} has no table {table!r}: create it")
            self._shapes[table] = found
        return self._shapes[table]

    async def _run(self, call: Callable[[Any], T]) -> T:
        return await self.session.run(call, within_s=READ_S)

    async def read(self, records_max: int, bytes_max: int) -> list[PostgresChange]:
        """The next rows; none if the table has no more, and the next one follows."""
        if self._time is None:
            snapshot, end, self._time = await self._run(self._begin)
            self.place.begins(snapshot, end)
        current = self.place.passes[-1]
        shape = await self.shape(current.table)
        count = max(1, min(self._count, records_max))
        rows = await self._run(
            lambda connection: _rows(connection, shape, current.key, count=count)
        )
        size_bytes = sum(len(text) for row in rows for text in row if text is not None)
        fits = bytes_max * len(rows) // max(1, size_bytes)
        self._count = min(2 * count, max(1, fits)) if rows else COUNT_FIRST
        self.place.schemas[shape.table] = shape.columns.sign
        if len(rows) < count:
            following = self.place.tables.index(shape.table) + 1
            self.place.has_read((*self.place.tables, "")[following], ())
        else:
            last = rows[-1]
            key = tuple(str(last[place] or b"", "utf-8") for place in shape.key_places)
            self.place.has_read(shape.table, key)
        return self._records(shape, rows, current)

    def _begin(self, connection: Any) -> tuple[Snapshot, int, int]:
        connection.execute("SET SESSION idle_in_transaction_session_timeout = '10min'")
        connection.execute(SETTINGS)
        connection.execute(_BEGIN)
        text, end, time = connection.execute(_SNAPSHOT).fetchone()
        snapshot = Snapshot(text)
        if snapshot.xmin < self.place.since:
            connection.execute("ROLLBACK")
            found = connection.execute(_OPEN).fetchone()
            who = f"process {found[0]} ({found[1]!r})" if found else "a prepared transaction"
            raise ServerAwayError(
                f"{self.database}: waits for transactions that were open when the replication slot "
                f"was made; the oldest is of {who}"
            )
        return snapshot, lsn_of(end), int(time)

    def _records(
        self, shape: Shape, rows: Sequence[Sequence[bytes | None]], current: Pass
    ) -> list[PostgresChange]:
        assert self._time is not None
        records = []
        for row in rows:
            by_name = shape.columns.by_name(row)
            key = tuple(by_name[name] for name in shape.key_names)
            records.append(
                PostgresChange(shape.table, "read", key, by_name, lsn=current.end, time=self._time)
            )
        return records

    async def current(self, change: PostgresChange) -> dict[str, Any] | None:
        """The values of the row that was changed, as they are by now; None if there is none."""
        self._shapes.pop(change.table, None)  # columns may have come and gone
        shape = await self.shape(change.table)
        row = await self._run(lambda connection: _row_of(connection, shape, change.key))
        return None if row is None else shape.columns.by_name(row)

    async def settle(
        self, records: list[PostgresChange], doubtful: Sequence[Doubtful]
    ) -> list[PostgresChange]:
        """*records* without those of *doubtful* that passes have seen."""
        keys: dict[str, list[Key]] = defaultdict(list)
        for each in doubtful:
            keys[each.table] += [key for key in (each.old, each.new) if key is not None]
        seeing: dict[tuple[str, Key], Snapshot] = {}
        for table, those in keys.items():
            places = await self._passes_of(table, those)
            passes = self.place.passes_of(table)
            for key, place in zip(those, places, strict=True):
                seeing[table, key] = passes[place].snapshot
        found: list[PostgresChange | None] = list(records)
        for each in doubtful:
            old, new = (
                key is not None and seeing[each.table, key].sees(each.xid)
                for key in (each.old, each.new)
            )
            found[each.at] = settled(records[each.at], (old, new), each.names)
        return [each for each in found if each is not None]

    async def _passes_of(self, table: str, keys: Sequence[Key]) -> list[int]:
        """For each key the number of the pass that has read its place."""
        shape = await self.shape(table)
        places = [0] * len(keys)
        columns = [list(column) for column in zip(*keys, strict=True)]
        for bound in self.place.passes_of(table)[:-1]:
            given = (*bound.key, *columns)
            behind = await self._run(
                lambda connection, given=given: connection.execute(  # type: ignore[misc]
                    shape.compare(), given
                ).fetchall()
            )
            places = [place + is_behind for place, (is_behind,) in zip(places, behind, strict=True)]
        return places


def _rows(connection: Any, shape: Shape, key: Key, *, count: int) -> list[list[bytes | None]]:
    result = connection.execute(shape.select(behind=key), (*key, count)).pgresult
    columns = range(result.nfields)
    return [[result.get_value(row, each) for each in columns] for row in range(result.ntuples)]


def _row_of(connection: Any, shape: Shape, key: Sequence[Any]) -> list[bytes | None] | None:
    connection.execute(SETTINGS)
    result = connection.execute(shape.select_one(), tuple(key)).pgresult
    if not result.ntuples:
        return None
    return [result.get_value(0, each) for each in range(result.nfields)]
