"""The rows of a table of SQLite behind a rowid: what is read of the file, and what is wrong there.

All of this blocks; one call at a time, each in whichever thread.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.connectors.sqlite.target import BUSY_S, quoted
from wallarood.model.errors import ApplicationError, ServerAwayError

AWAY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,  # what a writer left behind is to be rolled back by the next
    sqlite3.SQLITE_PROTOCOL,
)
"""What passes by itself, or when another process is done; all other errors stay."""
NAMES_OF_ROWID = ("rowid", "_rowid_", "oid")


NOT_TEXT = "text that is not UTF-8"


class NotText(bytes):
    """A text that is not UTF-8."""


def _text(raw: bytes) -> str | NotText:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return NotText(raw)


@attrs.define(eq=False)
class Rows:
    """The rows of the table `table` of the file `path`, with these columns."""

    path: Path
    table: str
    columns: tuple[str, ...]
    limits: SourceLimits
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _file: tuple[int, int] | None = attrs.field(default=None, init=False)
    _rowid: str = attrs.field(default="rowid", init=False)

    def connect(self) -> None:
        """Open the file, to read only. Raises as `SqliteSource.open`."""
        try:
            self._call(self._connect)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        path, table = self.path, self.table
        self._file = self._file_now()
        if self._file is None:
            raise ServerAwayError(f"{path} is not there")
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = self._connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        if self._file != self._file_now():
            raise ServerAwayError(f"{path} was replaced while it was opened")
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]
        if not found:
            raise ServerAwayError(f"{path}: there is no table {table!r}")
        missing = [each for each in self.columns if each not in found]
        if missing:
            raise ApplicationError(
                f"{path}: table {table!r} has no column {missing[0]!r}; it has {', '.join(found)}"
            )
        self._check_rowids(connection, {each.lower() for each in found})

    def _check_rowids(self, connection: sqlite3.Connection, columns: set[str]) -> None:
        """Raises ApplicationError: the rows have no rowid by which to read them in order."""
        path, table = self.path, self.table
        kinds = connection.execute(
            "SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,)
        ).fetchall()
        if ("view",) in kinds:
            raise ApplicationError(
                f"{path}: {table!r} is a view: expected a table, whose rows have rowids"
            )
        free = [each for each in NAMES_OF_ROWID if each not in columns]
        self._rowid = free[0] if free else NAMES_OF_ROWID[0]
        try:
            connection.execute(f"SELECT {self._rowid} FROM {quoted(table)} LIMIT 0")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            free = []
        if not free:
            raise ApplicationError(
                f"{path}: the rows of table {table!r} cannot be read by rowid: expected a table "
                "that is not WITHOUT ROWID, and in which not all of rowid, _rowid_ and oid are "
                "names of columns"
            )

    def _file_now(self) -> tuple[int, int] | None:
        """Which file has the path now."""
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ServerAwayError(f"{self.path}: {error.strerror}") from error
        return found.st_dev, found.st_ino

    def behind(self, position: int | None) -> list[tuple[Any, ...]]:
        """The next rows behind a rowid, or the first; the rowid is before the columns.

        A text that is not UTF-8 is a `NotText`. Raises ServerAwayError; and ApplicationError: the
        table cannot be read, or its new rows would not be found.
        """
        rows: list[tuple[Any, ...]] = self._call(lambda: self._select(position))
        return rows

    def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except sqlite3.Error as error:
            # Errors of the module itself have no code
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            kind = ServerAwayError if code & 0xFF in AWAY else ApplicationError
            raise kind(f"{self.path}: table {self.table!r}: {error}") from error

    def _select(self, behind: int | None) -> list[tuple[Any, ...]]:
        try:
            rows = self._fetched(behind, str)
        except sqlite3.OperationalError as error:
            if "Could not decode to UTF-8" not in str(error):
                raise
            rows = self._fetched(behind, _text)
        if not rows:
            self._check_file(behind)
            if behind is not None:
                self._check_there(behind)
        return rows

    def _fetched(self, behind: int | None, text: Callable[[bytes], Any]) -> list[tuple[Any, ...]]:
        """The next rows, up to the one with which they are as large as a batch may be."""
        assert self._connection is not None
        self._connection.text_factory = text
        names = ", ".join(map(quoted, self.columns))
        where = "" if behind is None else f"WHERE {self._rowid} > {behind:d}"
        found = self._connection.execute(
            f"SELECT {self._rowid}, {names} FROM {quoted(self.table)} {where} "
            f"ORDER BY {self._rowid} LIMIT ?",
            (self.limits.batch_records_max,),
        )
        rows: list[tuple[Any, ...]] = []
        left = self.limits.batch_bytes_max
        with contextlib.closing(found):
            for row in found:
                rows.append(row)
                left -= sum(map(sys.getsizeof, row))
                if left <= 0:
                    break
        return rows

    def _check_file(self, position: int | None) -> None:
        """Raises ApplicationError: new rows go to another file. While none is there it may come.

        Raises ServerAwayError: the same, but no row was read, so that the other can be opened.
        """
        if self._file_now() in (self._file, None):
            return
        if position is None:
            raise ServerAwayError(f"{self.path} was replaced by another file")
        raise ApplicationError(
            f"{self.path} was replaced by another file after table {self.table!r} "
            f"was read up to rowid {position}. Put the file back; form a new cluster, which "
            "reads the new one from its beginning; or if it is a copy that has the same rows, "
            "start again, to read on behind that rowid"
        )

    def _check_there(self, position: int) -> None:
        """Raises ApplicationError: rowids begin again, so that new rows would be skipped."""
        assert self._connection is not None
        (highest,) = self._connection.execute(
            f"SELECT max({self._rowid}) FROM {quoted(self.table)}"
        ).fetchone()
        try:
            given = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE",
                (self.table,),
            ).fetchone()
        except sqlite3.OperationalError:  # no table of the file has AUTOINCREMENT
            given = None
        highest = max(highest or 0, given[0] if given else 0)
        if highest < position:
            raise ApplicationError(
                f"{self.path}: table {self.table!r} was read up to rowid "
                f"{position}, but has given none above {highest}: it was made again, or its "
                "last rows were removed and it has no AUTOINCREMENT, so new rows would be skipped. "
                "Put the file back; or form a new cluster, which reads it from the beginning"
            )

    def position_of(self, rows: list[tuple[Any, ...]]) -> int:
        """The rowid of the last of *rows*."""
        return int(rows[-1][0])

    def wrong_in(self, row: tuple[Any, ...]) -> str:
        """Why a row is no record; empty if it is one."""
        return NOT_TEXT if NotText in map(type, row) else ""

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
