"""A system that is only written to: words come out of a table, also while its server is away."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import attrs

from support.servers.process import Server
from support.systems.system import Counts, System, come_back, end, leave, told

WAIT_S = 60.0


@attrs.define(eq=False)
class Elsewhere:
    """See `System`. All parts are in one table of a file in *directory*."""

    system: System
    directory: Path
    fed_by_server: bool = False

    @property
    def server(self) -> Server:
        """See `System`."""
        return self.system.server

    @property
    def parts(self) -> int:
        """See `System`."""
        return self.system.parts

    @parts.setter
    def parts(self, parts: int) -> None:
        self.system.parts = parts

    @property
    def _file(self) -> Path:
        return self.directory / "words.db"

    @property
    def source(self) -> str:
        """See `System`."""
        return f'w.SqliteSource("{self._file}", "words", columns=["word"])'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        return self.system.sink(options)

    def begin(self) -> None:
        """See `System`."""
        self.system.begin()
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)")

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        rows = [(word,) for part in words for word in words[part]]
        with closing(sqlite3.connect(self._file, timeout=WAIT_S)) as connection, connection:
            connection.executemany("INSERT INTO words (word) VALUES (?)", rows)

    def counts(self) -> Counts:
        """See `System`."""
        return self.system.counts()

    def leave(self) -> None:
        """See `System`."""
        leave(self.system)

    def come_back(self) -> None:
        """See `System`."""
        come_back(self.system)

    def end(self) -> None:
        """See `System`."""
        end(self.system)

    @property
    def told(self) -> str:
        """See `System`."""
        return told(self.system).removeprefix("; ")
