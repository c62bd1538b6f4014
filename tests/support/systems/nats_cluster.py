"""NATS JetStream on three servers, each stream on all of them: one is killed at a time."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from support.harness import wait_for
from support.servers import nats as natses
from support.servers import nats_cluster as clusters
from support.servers.nats import stored, url
from support.servers.nats_cluster import SIZE, Cluster
from support.systems.system import PARTS, Counts, Entry, Trial
from wallarood.model.errors import WallaroodError


@attrs.define(eq=False)
class NatsCluster:
    """See `System`."""

    server: Cluster
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True
    _fed: int = 0

    @property
    def source(self) -> str:
        """See `System`."""
        subjects = ", ".join(f'"{self.name}.in.{part}"' for part in range(self.parts))
        return f'w.NatsSource("{url(self.server)}", "{self.name}", {subjects}, format="text")'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        out = f"{self.name}-out"
        subjects = f'"{out}.counts", marker_prefix="{out}.markers"'
        return f'w.NatsSink("{url(self.server)}", "{out}", {subjects}, {options})'

    def begin(self) -> None:
        """See `System`."""
        for stream in (self.name, f"{self.name}-out"):
            config = {"subjects": [f"{stream}.>"], "allow_atomic": True, "allow_direct": True}
            self.server.asked(f"STREAM.CREATE.{stream}", name=stream, num_replicas=SIZE, **config)
        self.server.wait_until_whole()

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`. Each message has a name, so that it may be sent again."""
        messages = []
        for part in words:
            for word in words[part]:
                self._fed += 1
                messages.append((f"m{self._fed}", f"{self.name}.in.{part}", word))
        self.server.publish(messages)

    def counts(self) -> Counts:
        """See `System`: all that the leader has, whichever replica is read."""
        out = f"{self.name}-out"
        counts = f"{out}.counts"
        info = self.server.asked(f"STREAM.INFO.{out}", subjects_filter=counts)
        there = (info["state"].get("subjects") or {}).get(counts, 0)
        found: list[bytes] = []

        def has_all() -> bool:
            nonlocal found
            try:
                found = trio.run(stored, self.server, out, counts)
            except (WallaroodError, IndexError):  # there is no leader just now
                return False
            return len(found) >= there

        wait_for("a replica has all", has_all)
        return [(word, count) for word, count in map(json.loads, found)]


NATS_CLUSTER = Entry(
    natses.missing, clusters.cluster, NatsCluster, grows=False, by_hand=frozenset(Trial)
)
