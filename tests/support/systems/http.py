"""HTTP: numbered events of a server are counted into requests, each of which it takes once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from support.servers import hooks as web_hooks
from support.servers.hooks import forget, opened, received
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry, Trial


@attrs.define(eq=False)
class Http:
    """See `System`. The words of all parts are events of one stream."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = False

    @property
    def source(self) -> str:
        """See `System`."""
        return f'w.SseSource("http://{self.server.address}/events")'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        return f'w.HttpSink("http://{self.server.address}/records", {options})'

    def begin(self) -> None:
        """See `System`: what other tests have left is removed."""
        forget(self.server.directory)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`: past the server, into what it sends from."""
        rows = [(json.dumps(word),) for part in words for word in words[part]]
        with opened(web_hooks.file_of(self.server.directory)) as database:
            database.executemany("INSERT INTO events (data) VALUES (?)", rows)

    def counts(self) -> Counts:
        """See `System`."""
        bodies = [body for _, body in received(self.server.directory)]
        return [(word, n) for body in bodies for word, n in map(json.loads, body.splitlines())]


HTTP = Entry(
    lambda: "", web_hooks.server, Http, fixture="hooks", grows=False, by_hand=frozenset(Trial)
)
