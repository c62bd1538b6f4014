"""A sink that is to be proven, and what all trials of it share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import trio

from wallarood.app.connector import Sink, SinkWriter
from wallarood.testing.connectors.lives import Life
from wallarood.testing.connectors.proofs import compare
from wallarood.testing.connectors.servers import Server


def text_of(number: int) -> Any:
    """The record of a number, unless the case says another one."""
    return f"record {number}"


@attrs.frozen(kw_only=True)
class SinkCase:
    """A sink to be proven, against a server that is running and has nothing of these tests.

    *sink* must be a value that can be pickled and whose class can be imported by another process.
    *read* returns, in order, what a reader sees with the strictest isolation that the system has;
    it may block, and must where a server shows what it has acknowledged only a moment later, as
    Kafka does. *record* makes the record of a number; all are different. *seen* says what a
    reader must see when these records were written in this order (default: just these); a sink
    that keeps the last of each key says so by it.

    *server* is how it is broken; without it those trials are left out. *kills* is how many
    processes are killed at a moment of their own. *wrong* are sinks that cannot work, each with a
    word that the message must have, as ``{"password": (RedisSink(…), "WRONGPASS")}``; none of
    *secrets* may be in any message. *only* are the names of some trials, if not all are to be done.
    """

    sink: Sink
    read: Callable[[], Sequence[Any]]
    record: Callable[[int], Any] = text_of
    seen: Callable[[list[Any]], list[Any]] = list
    server: Server | None = None
    kills: int = 20
    wrong: Mapping[str, tuple[Sink, str]] = attrs.field(factory=dict)
    secrets: Sequence[str] = ()
    only: Collection[str] = ()


@attrs.define(eq=False)
class SinkTrials:
    """What all trials share: the server, and what a reader of it must see by now."""

    case: SinkCase
    directory: Path
    sent: list[Any] = attrs.field(factory=list)
    lives: list[Life] = attrs.field(factory=list)
    run: str = attrs.field(factory=lambda: uuid4().hex)
    _number: int = attrs.field(default=0, init=False)

    def life(self) -> Life:
        """A writer that the server does not know."""
        self.lives.append(Life.begun(self.case.sink, self.directory, self.run))
        return self.lives[-1]

    def records(self, count: int = 3) -> list[Any]:
        """Records that nobody has seen."""
        first, self._number = self._number, self._number + count
        return [self.case.record(number) for number in range(first, first + count)]

    async def checkpoint(self, life: Life, writer: SinkWriter, count: int = 3) -> Any:
        """Write records and commit a checkpoint with them: they must be seen when published."""
        records = self.records(count)
        self.sent += records
        return await life.checkpoint(writer, records)

    async def check(self, when: str = "at the end") -> None:
        """Raises AssertionError: a reader sees something else than what was sent, once each."""
        found = list(await trio.to_thread.run_sync(self.case.read))
        compare(when, found, self.case.seen(self.sent))
