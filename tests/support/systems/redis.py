"""Redis: streams are counted into a stream; a read of it is one command, which runs alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from support.servers import redis as redises
from support.servers.process import Server
from support.servers.redis import ask, url
from support.systems.system import PARTS, Counts, Entry

ADD = "for i, word in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'value', word) end"


@attrs.define(eq=False)
class Redis:
    """See `System`."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True

    @property
    def source(self) -> str:
        """See `System`."""
        place = f'"{url(self.server)}", "{self.name}-in-*"'
        return f'w.RedisSource({place}, format="text", discover_s=1)'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        return f'w.RedisSink("{url(self.server)}", "{self.name}-out", {options})'

    def begin(self) -> None:
        """See `System`: streams are made by what is added first."""

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        for part in words:
            ask(self.server, "EVAL", ADD, 1, f"{self.name}-in-{part}", *words[part])

    def counts(self) -> Counts:
        """See `System`."""
        entries = ask(self.server, "XRANGE", f"{self.name}-out", "-", "+")
        return [(word, count) for _, pairs in entries for word, count in [json.loads(pairs[1])]]


REDIS = Entry(redises.missing, redises.server, Redis)
