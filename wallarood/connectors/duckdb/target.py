"""A table of DuckDB for one writer: rows and the marker change in one transaction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.connectors.columns import Columns
from wallarood.connectors.duckdb.file import quoted, transaction, types_of
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ApplicationError, CannotCreateError

MARKERS = "wallarood_markers"


@attrs.define(eq=False)
class DuckdbTarget:
    """Rows of the table `table` in the file `path`; a row replaces one with the same `key`.

    `types` are those of the columns, by which the table is made; empty: it must be there.
    """

    path: Path
    table: str
    columns: Columns
    types: Mapping[str, str]
    key: tuple[str, ...]
    writer: str

    def encode(self, records: list[Any]) -> list[tuple[Any, ...]]:
        """See `Target`. Raises ApplicationError: a record has not the columns."""
        return self.columns.rows(records)

    async def marker(self) -> Marker:
        """See `Target.marker`."""
        return await trio.to_thread.run_sync(self._read_marker)

    def _read_marker(self) -> Marker:
        with transaction(self.path, mode="write") as connection:
            self._make(connection)
            self._check_columns(connection)
            return self._found(connection)

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:
        """See `Target.apply`."""

        def apply() -> None:
            with transaction(self.path, mode="write") as connection:
                found = self._found(connection)
                if found != expected:
                    raise MarkerMovedError(f"the marker is {found} where {expected} was expected")
                self._insert(connection, records)
                connection.execute(
                    f"INSERT OR REPLACE INTO {MARKERS} VALUES (?, ?, ?)",
                    [self.writer, new.line, new.last],
                )

        await trio.to_thread.run_sync(apply)

    def _insert(self, connection: Any, records: list[tuple[Any, ...]]) -> None:
        """Add rows, a column at a time: row by row takes DuckDB many times as long."""
        names = self.columns.names
        rows = records
        if self.key:  # one statement must not change a row twice
            places = [names.index(each) for each in self.key]
            rows = list({tuple(row[at] for at in places): row for row in records}.values())
        types = types_of(connection, self.table)
        values = ", ".join(f"unnest(?::{types[name]}[])" for name in names)
        shown = ", ".join(map(quoted, names))
        insert = f"INSERT INTO {quoted(self.table)} ({shown}) SELECT {values}{self._conflict}"
        connection.execute(insert, [list(column) for column in zip(*rows, strict=True)])

    @property
    def _conflict(self) -> str:
        if not self.key:
            return ""
        others = [each for each in self.columns.names if each not in self.key]
        changes = ", ".join(f"{quoted(each)} = excluded.{quoted(each)}" for each in others)
        what = f"UPDATE SET {changes}" if changes else "NOTHING"
        return f" ON CONFLICT ({', '.join(map(quoted, self.key))}) DO {what}"

    def _make(self, connection: Any) -> None:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {MARKERS} "
            "(writer VARCHAR PRIMARY KEY, line BIGINT NOT NULL, last BIGINT NOT NULL)"
        )
        if self.types:
            columns = [f"{quoted(name)} {kind}" for name, kind in self.types.items()]
            key = [f"PRIMARY KEY ({', '.join(map(quoted, self.key))})"] if self.key else []
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted(self.table)} ({', '.join(columns + key)})"
            )

    def _check_columns(self, connection: Any) -> None:
        found = types_of(connection, self.table)
        if not found:
            raise ApplicationError(
                f"{self.path}: there is no table {self.table!r}: make it, or say "
                "columns={NAME: TYPE}"
            )
        missing = [each for each in self.columns.names if each not in found]
        if missing:
            raise ApplicationError(
                f"{self.path}: table {self.table!r} has no column {missing[0]!r}; it has "
                f"{', '.join(found)}"
            )

    def _found(self, connection: Any) -> Marker:
        row = connection.execute(
            f"SELECT line, last FROM {MARKERS} WHERE writer = ?", [self.writer]
        ).fetchone()
        return Marker() if row is None else Marker(*row)

    async def check(self) -> None:
        """See `Target`. Raises WallaroodError: the table cannot be used."""
        await trio.to_thread.run_sync(self.check_file)

    def check_file(self) -> None:
        """As `check`, at once. Makes no file and changes none."""
        if not self.path.exists():
            if not self.path.absolute().parent.is_dir():
                raise CannotCreateError(f"{self.path}: there is no directory for it")
            if self.types:
                return
        with transaction(self.path, mode="read") as connection:
            if not self.types or types_of(connection, self.table):
                self._check_columns(connection)
