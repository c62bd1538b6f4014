"""A table of PostgreSQL for one writer: rows and the marker change in one transaction."""
# Theory of operation
# ===================
# The marker is a row. A transaction begins by changing it from what is expected, which also locks
# it; so of two processes of one writer the second waits, and then finds another marker. To read it
# is to lock it, too: what an earlier process has under way is over when it has been read.

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from wallarood.connectors.columns import Columns
from wallarood.connectors.postgres.lines import lines_of, written
from wallarood.connectors.postgres.rows import are_taken, last_of_each_key, problem_of
from wallarood.connectors.postgres.server import Database, Session, psycopg
from wallarood.connectors.spool.blocks import ChunkSize
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ApplicationError, ConfigurationError

MARKERS = "wallarood_markers"
STAGED = "wallarood_staged"
CHUNK_SIZE = ChunkSize(50_000, 4 << 20)
"""Of a transaction, at whose end the server waits for its disk."""


@attrs.frozen
class Table:
    """A table as *table* or *schema.table*, and the columns that are written.

    With *key* a row replaces the one that has the same values in these columns.
    """

    name: str
    columns: Columns
    key: tuple[str, ...]

    @property
    def identifier(self) -> Any:
        """The name for a query."""
        return _sql().Identifier(*self.name.split("."))

    @property
    def copy(self) -> Any:
        """The statement that adds rows."""
        sql = _sql()
        into, names = self.identifier, self.columns.names
        if self.key:
            into, names = sql.Identifier(STAGED), (self.order, *names)
        return sql.SQL("COPY {} ({}) FROM STDIN").format(into, self._listed(names))

    @property
    def order(self) -> str:
        """The column by which staged rows are in order."""
        name = "wallarood_order"
        while name in self.columns.names:
            name += "_"
        return name

    def _listed(self, names: tuple[str, ...]) -> Any:
        sql = _sql()
        return sql.SQL(", ").join(map(sql.Identifier, names))

    @property
    def stage(self) -> Any:
        """The statement that makes a place for rows that replace others."""
        sql = _sql()
        return sql.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS "
            "AS SELECT 0 AS {}, {} FROM {} WITH NO DATA"
        ).format(
            sql.Identifier(STAGED),
            sql.Identifier(self.order),
            self._listed(self.columns.names),
            self.identifier,
        )

    @property
    def replace(self) -> Any:
        """The statement that puts them into the table."""
        sql = _sql()
        others = [name for name in self.columns.names if name not in self.key]
        pairs = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in others]
        update = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(pairs))
        return sql.SQL(
            "INSERT INTO {0} ({1}) SELECT DISTINCT ON ({2}) {1} FROM {3} ORDER BY {2}, {4} DESC "
            "ON CONFLICT ({2}) DO {5}"
        ).format(
            self.identifier,
            self._listed(self.columns.names),
            self._listed(self.key),
            sql.Identifier(STAGED),
            sql.Identifier(self.order),
            update if others else sql.SQL("NOTHING"),
        )

    def staged(self, rows: list[Any]) -> Sequence[Any]:
        """The rows as they are copied."""
        if not self.key:
            return rows
        last = last_of_each_key(rows, [self.columns.names.index(name) for name in self.key])
        return [(number, *row) for number, row in enumerate(last)]

    def check(self, rows: list[tuple[Any, ...]]) -> None:
        """Raises ApplicationError: PostgreSQL cannot take one."""
        for name, column in zip(self.columns.names, zip(*rows, strict=True), strict=False):
            given = column if name in self.key else [each for each in column if each is not None]
            if not are_taken(given):
                for value in given:
                    if problem := self._problem_of(name, value):
                        raise ApplicationError(f"{self.columns.named}: column {name!r}: {problem}")

    def _problem_of(self, name: str, value: Any) -> str:
        if value is None and name in self.key:
            return "it is in key=, and None is no key: no row would be replaced"
        return problem_of(value)


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _sql() -> Any:
    return psycopg().sql


@attrs.define(eq=False)
class TableTarget:
    """See `wallarood.Target`."""

    database: Database
    table: Table
    writer: str
    chunk_size: ChunkSize = attrs.field(default=CHUNK_SIZE, init=False)
    _session: Session | None = attrs.field(default=None, init=False)

    def encode(self, records: list[Any]) -> list[Any]:
        """See `wallarood.Target`. Raises ApplicationError: a record does not fit the columns."""
        rows = self.table.columns.rows(records)
        if not self.table.key and (lines := lines_of(rows)) is not None:
            return lines
        self.table.check(rows)
        return rows

    async def marker(self) -> Marker:
        """See `wallarood.Target`."""
        await self.aclose()
        self._session = Session(self.database)
        try:
            return await self._session.run(self._read)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.aclose()
            raise

    def _read(self, connection: Any) -> Marker:
        self._check_table(connection)
        if self._columns_of(connection, MARKERS) is None:
            try:
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {MARKERS} "
                    "(writer text PRIMARY KEY, line integer NOT NULL, last bigint NOT NULL)"
                )
            except psycopg().errors.UniqueViolation:
                pass  # another writer makes it at the same moment
        connection.execute(
            f"INSERT INTO {MARKERS} VALUES (%s, 0, 0) ON CONFLICT DO NOTHING", (self.writer,)
        )
        return Marker(
            *connection.execute(
                f"SELECT line, last FROM {MARKERS} WHERE writer = %s FOR UPDATE", (self.writer,)
            ).fetchone()
        )

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:
        """See `wallarood.Target`."""
        assert self._session is not None
        rows = self.table.staged(records)

        def apply(connection: Any) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {MARKERS} SET line = %s, last = %s "
                    "WHERE writer = %s AND line = %s AND last = %s",
                    (new.line, new.last, self.writer, expected.line, expected.last),
                )
                if cursor.rowcount != 1:
                    raise MarkerMovedError(f"{self.database}: the marker is not {expected}")
                if self.table.key:
                    cursor.execute(self.table.stage)
                with cursor.copy(self.table.copy) as copy:
                    for row in written(rows, copy.write):
                        copy.write_row(row)
                if self.table.key:
                    cursor.execute(self.table.replace)

        await self._session.run(apply)

    async def check(self) -> None:
        """See `wallarood.Target`."""
        session = Session(self.database)
        try:
            await session.run(self._check_table)
        finally:
            await session.drop()

    def _check_table(self, connection: Any) -> None:
        """Raises ConfigurationError: the table is not there, or has other columns."""
        found, name = self._columns_of(connection, self.table.name), self.table.name
        if found is None:
            raise ConfigurationError(f"{self.database} has no table {name!r}: create it")
        for column in self.table.columns.names:
            if column not in found:
                raise ConfigurationError(
                    f"{self.database}: table {name!r} has no column {column!r}, but "
                    f"{', '.join(found)}: add it, or correct columns="
                )
        if self.table.key and not self._has_unique_key(connection):
            raise ConfigurationError(
                f"{self.database}: table {name!r} has no unique index on "
                f"({', '.join(self.table.key)}): create one, or correct key="
            )
        self._check_rights(connection)

    def _check_rights(self, connection: Any) -> None:
        """Raises ConfigurationError: the user may not do what is needed."""
        name, wanted = _quoted(self.table.name), ["INSERT"]
        wanted += ["SELECT", "UPDATE"] if self.table.key else []
        for right in wanted:
            for column in self.table.columns.names:
                asked = "SELECT has_column_privilege(to_regclass(%s), %s, %s)"
                if not connection.execute(asked, (name, column, right)).fetchone()[0]:
                    raise self._denied(f"table {self.table.name!r}", right)
        if self._columns_of(connection, MARKERS) is None:
            asked = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
            if not connection.execute(asked).fetchone()[0]:
                raise self._denied(f"the schema, where table {MARKERS!r} is to be made", "CREATE")
            return
        for right in ("SELECT", "INSERT", "UPDATE"):
            asked = "SELECT has_table_privilege(to_regclass(%s), %s)"
            if not connection.execute(asked, (MARKERS, right)).fetchone()[0]:
                raise self._denied(f"table {MARKERS!r}", right)

    def _denied(self, what: str, right: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.database}: permission denied for {what}, which needs {right}: grant it to the "
            "user"
        )

    def _columns_of(self, connection: Any, table: str) -> list[str] | None:
        """The names of a table's columns; None: there is no such table."""
        quoted = _quoted(table)
        (there,) = connection.execute("SELECT to_regclass(%s)", (quoted,)).fetchone()
        if there is None:
            return None
        rows = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (quoted,),
        )
        return [name for (name,) in rows]

    def _has_unique_key(self, connection: Any) -> bool:
        rows = connection.execute(
            "SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a "
            "ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
            "WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indpred IS NULL "
            "GROUP BY i.indexrelid",
            (_quoted(self.table.name),),
        )
        return any(sorted(names) == sorted(self.table.key) for (names,) in rows)

    async def aclose(self) -> None:
        """See `wallarood.Target`."""
        session, self._session = self._session, None
        if session is not None:
            await session.drop()
