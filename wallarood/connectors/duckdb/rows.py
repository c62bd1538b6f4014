"""The rows of a table of DuckDB behind a rowid, as long as rows are only added.

A rowid of DuckDB is a place: it counts from 0 without gaps, and rows get others when some are
removed. So a table that has gaps, or another row where the last one was read, cannot be read on. A
position is ``{"rowid": number, "seen": checksum of that row}``.
"""

import sys
from pathlib import Path
from typing import Any

import attrs
from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import SourceLimits
from wallarood.connectors.duckdb.file import quoted, transaction, types_of
from wallarood.model.errors import ApplicationError, ServerAwayError


def seen_of(row: tuple[Any, ...]) -> str:
    """A checksum of a row."""
    return xxh3_64_hexdigest(repr(row).encode("utf-8", "surrogatepass"))


@attrs.define(eq=False)
class Rows:
    """The rows of the table `table` of the file `path`, with these columns. See `tables.Rows`."""

    path: Path
    table: str
    columns: tuple[str, ...]
    limits: SourceLimits

    def connect(self) -> None:
        """Look whether the table can be read.

        Raises ServerAwayError: the file or the table is not there, or the file is locked. Raises
        ApplicationError: it has other columns.
        """
        if not self.path.exists():
            raise ServerAwayError(f"{self.path} is not there")
        with transaction(self.path, mode="read") as connection:
            self._check(connection)

    def _check(self, connection: Any) -> None:
        found = types_of(connection, self.table)
        if not found:
            raise ServerAwayError(f"{self.path}: there is no table {self.table!r}")
        missing = [each for each in self.columns if each not in found]
        if missing:
            raise ApplicationError(
                f"{self.path}: table {self.table!r} has no column {missing[0]!r}; it has "
                f"{', '.join(found)}"
            )

    def behind(self, position: Any) -> list[tuple[Any, ...]]:
        """See `tables.Rows.behind`."""
        if not self.path.exists():
            raise ServerAwayError(f"{self.path} is not there")
        names = ", ".join(map(quoted, self.columns))
        first = -1 if position is None else position["rowid"]
        with transaction(self.path, mode="read") as connection:
            self._check(connection)
            count, last = connection.execute(
                f"SELECT count(*), max(rowid) FROM {quoted(self.table)}"
            ).fetchone()
            found = connection.execute(
                f"SELECT rowid, {names} FROM {quoted(self.table)} WHERE rowid >= ? ORDER BY rowid "
                "LIMIT ?",
                [max(0, first), self.limits.batch_records_max + 1],
            ).fetchall()
        if position is not None:
            if not found or found[0][0] != first or seen_of(found[0]) != position["seen"]:
                raise self._moved(f"row {first:,} is not the one that was read there")
            del found[0]
        if count and count != last + 1:
            raise self._moved(f"it has {count:,} rows, the last of which is number {last:,}")
        return self._bounded(found)

    def _bounded(self, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        left = self.limits.batch_bytes_max
        for row in found[: self.limits.batch_records_max]:
            rows.append(row)
            left -= sum(map(sys.getsizeof, row))
            if left <= 0:
                break
        return rows

    def _moved(self, what: str) -> ApplicationError:
        return ApplicationError(
            f"{self.path}: table {self.table!r}: {what}: rows were removed or changed, or the "
            "table was made again, so that what is new cannot be told. Put the file back; or form "
            "a new cluster, which reads a table without removed rows from its beginning"
        )

    def position_of(self, rows: list[tuple[Any, ...]]) -> dict[str, Any]:
        """See `tables.Rows.position_of`."""
        return {"rowid": rows[-1][0], "seen": seen_of(rows[-1])}

    def wrong_in(self, row: tuple[Any, ...]) -> str:  # noqa: ARG002
        """See `tables.Rows.wrong_in`: all are."""
        return ""

    def close(self) -> None:
        """See `tables.Rows.close`: it is open only while it is read."""
