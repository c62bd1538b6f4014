"""A source that journals what it is sent, to be proven, and what all trials of it share."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.app.connector import Source, SourceContext, SourceLimits, SourceReader
from wallarood.testing.connectors.cases import text_of
from wallarood.testing.connectors.proofs import compare
from wallarood.testing.connectors.source_cases import BATCH

AGAIN_S = 0.05


@attrs.frozen(kw_only=True)
class IntakeCase:
    """A source that journals what comes, to be proven.

    *source* must be a value that can be pickled and whose class can be imported by another process;
    its first partition is tried. *send* sends a record and returns once it is acknowledged; it
    blocks, and raises OSError if nothing is known of it, as when a connection is lost: then it is
    called with the same record again, which must not be counted twice. *record* makes the record of
    a number, *seen* what the source makes of it (default: the same). *kills* is how many processes
    are killed while records are sent. *wrong* are sources that cannot work, each with a word that
    the message must have; none of *secrets* may be in any message.
    """

    source: Source
    send: Callable[[Any], object]
    record: Callable[[int], Any] = text_of
    seen: Callable[[Any], Any] = lambda record: record
    kills: int = 10
    wrong: Mapping[str, tuple[Source, str]] = attrs.field(factory=dict)
    secrets: Sequence[str] = ()
    only: Collection[str] = ()
    patience_s: float = 30.0


@attrs.define(eq=False)
class IntakeTrials:
    """What all trials share: the journal, and what was acknowledged by now."""

    case: IntakeCase
    directory: Path
    sent: list[Any] = attrs.field(factory=list)
    _number: int = attrs.field(default=0, init=False)

    @property
    def context(self) -> SourceContext:
        """Where the source runs."""
        limits = SourceLimits(batch_records_max=BATCH)
        return SourceContext("kit", "alpha", "kit-12345678", str(self.directory), limits)

    @property
    def due(self) -> list[Any]:
        """What must be read, in order."""
        return [self.case.seen(each) for each in self.sent]

    async def open(self, position: Any = None) -> SourceReader:
        """Open the first partition."""
        return await self.case.source.open(self.case.source.partitions()[0], position, self.context)

    def send_one(self) -> None:
        """Send a record that nobody has seen, until it is acknowledged. Blocks."""
        until = time.monotonic() + self.case.patience_s
        while True:
            try:
                self.try_one()
                return
            except OSError:
                if time.monotonic() > until:
                    raise AssertionError("nothing is acknowledged any more") from None
                time.sleep(AGAIN_S)

    def try_one(self) -> None:
        """Send the next record. Raises OSError: nothing is known of it; it is the next again."""
        record = self.case.record(self._number)
        self.case.send(record)
        self._number += 1
        self.sent.append(record)

    def send(self, count: int) -> None:
        """Send so many. Blocks."""
        for _ in range(count):
            self.send_one()

    async def read(self, reader: SourceReader, done: int) -> list[tuple[int, Any]]:
        """Read what follows *done* records; how many there were at each position."""
        due, found, positions = self.due[done:], list[Any](), []
        with trio.move_on_after(self.case.patience_s):
            while len(found) < len(due) and (batch := await reader.read()) is not None:
                found += batch.records
                positions.append((done + len(found), batch.position))
        compare(f"after {done} records", found, due)
        return positions
