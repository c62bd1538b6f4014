"""NATS JetStream: subjects of a stream are counted into a stream, read as its leader has it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from support.servers import nats as natses
from support.servers.nats import create, send_all, stored, url
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry


@attrs.define(eq=False)
class Nats:
    """See `System`. A subject that appears is covered by a wildcard."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True

    @property
    def source(self) -> str:
        """See `System`."""
        some = f'"{self.name}.in.0", "{self.name}.in.1", "{self.name}.later.*"'
        return f'w.NatsSource("{url(self.server)}", "{self.name}", {some}, format="text")'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        out = f"{self.name}-out"
        subjects = f'"{out}.counts", marker_prefix="{out}.markers"'
        return f'w.NatsSink("{url(self.server)}", "{out}", {subjects}, {options})'

    def begin(self) -> None:
        """See `System`."""
        for stream in (self.name, f"{self.name}-out"):
            trio.run(create, self.server, stream)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        pairs = [(self._subject(part), word) for part in words for word in words[part]]
        trio.run(send_all, self.server, pairs)

    def _subject(self, part: int) -> str:
        return f"{self.name}.{'in' if part < 2 else 'later'}.{part}"

    def counts(self) -> Counts:
        """See `System`."""
        out = f"{self.name}-out"
        found = trio.run(stored, self.server, out, f"{out}.counts")
        return [(word, count) for word, count in map(json.loads, found)]


NATS = Entry(natses.missing, natses.server, Nats)
