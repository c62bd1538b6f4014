"""Kafka: partitions of a topic are counted into a topic, and only what is committed is read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from support.servers import kafka as kafkas
from support.servers.process import Server
from support.servers.topics import Topics
from support.systems.system import PARTS, Counts, Entry


@attrs.define(eq=False)
class Kafka:
    """See `System`."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True
    topics: Topics = attrs.field(init=False)

    @topics.default
    def _of_server(self) -> Topics:
        return Topics(self.server.address)

    @property
    def source(self) -> str:
        """See `System`."""
        place = f'"{self.server.address}", "{self.name}"'
        return f'w.KafkaSource({place}, format="text", discover_s=1)'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        place = f'"{self.server.address}", "{self.name}-counts"'
        return f"w.KafkaSink({place}, key=lambda pair: pair[0], {options})"

    def begin(self) -> None:
        """See `System`."""
        self.topics.create(self.name, partitions=self.parts)
        self.topics.create(f"{self.name}-counts", partitions=3)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        messages = [(None, word.encode(), part) for part in words for word in words[part]]
        self.topics.produce(self.name, messages)

    def counts(self) -> Counts:
        """See `System`."""
        found = []
        for _, key, value in self.topics.read(f"{self.name}-counts"):
            word, count = json.loads(value or b"")
            assert key == word.encode()
            found.append((word, count))
        return found

    def grow(self) -> None:
        """See `System`."""
        self.topics.grow(self.name, self.parts + 1)


KAFKA = Entry(kafkas.missing, kafkas.broker, Kafka)
