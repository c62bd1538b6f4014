"""TCP: clients send words until they are acknowledged; a receiver takes each count once."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import attrs

from support.ports import free_port
from support.receiver import Receiver
from support.systems.files import in_order
from support.systems.system import PARTS, Counts
from wallarood.client import SourceClient

PATIENT_S = 300.0
BREAKS = 0.001
"""A sink waits for up to 10 s between its tries, and no change goes on before it has published."""


@attrs.define(eq=False)
class Tcp:
    """See `Fed`. Each part has a client of its own."""

    directory: Path
    parts: int = PARTS
    port: int = attrs.field(factory=free_port)
    receiver: Receiver = attrs.field(factory=partial(Receiver, breaks=BREAKS), init=False)
    clients: dict[int, SourceClient] = attrs.field(factory=dict, init=False)
    _closing: ExitStack = attrs.field(factory=ExitStack, init=False)

    @property
    def source(self) -> str:
        """See `Fed`."""
        return f'w.TcpSource("127.0.0.1:{self.port}", record=str)'

    def sink(self, options: str = "") -> str:
        """See `Fed`."""
        return f'w.TcpSink("127.0.0.1:{self.receiver.port}", format="tsv", {options})'

    def begin(self) -> None:
        """See `Fed`."""
        self._closing.enter_context(self.receiver)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `Fed`: returns when all is acknowledged."""
        for part in words:
            if part not in self.clients:
                client = SourceClient(f"127.0.0.1:{self.port}", f"till-{part}", timeout_s=PATIENT_S)
                self.clients[part] = self._closing.enter_context(client)
            for word in words[part]:
                self.clients[part].send(f'"{word}"'.encode())
        for part in words:
            self.clients[part].flush()

    def counts(self) -> Counts:
        """See `Fed`."""
        return counts_in(self.receiver)

    def end(self) -> None:
        """See `Fed`."""
        self._closing.close()

    @property
    def told(self) -> str:
        """See `System`."""
        return f"{self.receiver.repeats:,} records came to the receiver again"


def counts_in(receiver: Receiver) -> Counts:
    """What a receiver of lines of a word and its count has taken."""
    assert receiver.wrong == []
    found: Counts = []
    for writer, records in list(receiver.records.items()):
        pairs = (record.decode().split("\t") for record in list(records))
        found += in_order([(word, int(count)) for word, count in pairs], writer)
    return sorted(found)
