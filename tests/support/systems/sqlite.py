"""SQLite: a table is counted into a table of another file, read by one statement.

There is no server; a process beside ours writes into both files and is killed in its place. To be
away is to be locked.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import attrs

from support.servers import sqlite as sqlites
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry

WAIT_S = 60.0


@attrs.define(eq=False)
class Sqlite:
    """See `System`. All parts are in one table."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True
    _locks: list[sqlite3.Connection] = attrs.field(factory=list, init=False)

    def _file(self, kind: str) -> Path:
        return self.server.directory / f"{kind}.db"

    @property
    def source(self) -> str:
        """See `System`."""
        return f'w.SqliteSource("{self._file("in")}", "{self.name}", columns=["word"])'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        columns = 'columns=["word", "count"]'
        return f'w.SqliteSink("{self._file("out")}", "{self.name}", {columns}, {options})'

    def begin(self) -> None:
        """See `System`."""
        with closing(sqlite3.connect(self._file("in"), timeout=WAIT_S)) as connection:
            connection.execute(
                f"CREATE TABLE {self.name} (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT)"
            )

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        rows = [(word,) for part in words for word in words[part]]
        with closing(sqlite3.connect(self._file("in"), timeout=WAIT_S)) as connection, connection:
            connection.executemany(f"INSERT INTO {self.name} (word) VALUES (?)", rows)

    def counts(self) -> Counts:
        """See `System`."""
        with closing(sqlite3.connect(self._file("out"), timeout=WAIT_S)) as connection:
            there = "SELECT 1 FROM sqlite_master WHERE name = ?"
            if not connection.execute(there, (self.name,)).fetchall():
                return []
            text = f"SELECT word, count FROM {self.name} ORDER BY rowid"
            return connection.execute(text).fetchall()

    def leave(self) -> None:
        """See `System`."""
        self.server.kill()
        for kind in ("in", "out"):
            lock = sqlite3.connect(self._file(kind), timeout=WAIT_S, isolation_level=None)
            lock.execute("BEGIN EXCLUSIVE")
            self._locks.append(lock)

    def come_back(self) -> None:
        """See `System`."""
        while self._locks:
            self._locks.pop().close()
        self.server.start()


SQLITE = Entry(lambda: "", sqlites.server, Sqlite, grows=False)
