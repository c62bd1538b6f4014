"""PostgreSQL: followed files are counted into a table, read by a serializable transaction."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import psycopg

from support.servers import postgres as postgreses
from support.servers.changes import query, where
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry


@attrs.define(eq=False)
class Postgres:
    """See `System`."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = False

    @property
    def _files(self) -> Path:
        return self.directory / "parts"

    @property
    def source(self) -> str:
        """See `System`."""
        return f'w.FileSource("{self._files}", follow=True)'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        place = f'"{where(self.server)}", "{self.name}"'
        return f'w.PostgresSink({place}, columns=["word", "count"], {options})'

    def begin(self) -> None:
        """See `System`."""
        self._files.mkdir()
        for part in range(self.parts):
            (self._files / f"{part}.txt").touch()
        query(self.server, f"CREATE TABLE {self.name} (at bigserial, word text, count int)")

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        for part in words:
            with (self._files / f"{part}.txt").open("a") as file:
                file.write("".join(f"{word}\n" for word in words[part]))

    def counts(self) -> Counts:
        """See `System`."""
        with psycopg.connect(where(self.server), autocommit=True) as connection:
            connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
            text = f"SELECT word, count FROM {self.name} ORDER BY at"
            return connection.execute(text.encode()).fetchall()


POSTGRES = Entry(postgreses.missing, postgreses.server, Postgres)
