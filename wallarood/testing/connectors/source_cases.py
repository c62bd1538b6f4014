"""A source that is to be proven, and what all trials of it share."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
import trio

from wallarood.app.connector import Source, SourceContext, SourceLimits, SourceReader
from wallarood.testing.connectors.cases import text_of
from wallarood.testing.connectors.servers import Server

BATCH = 7
"""Trials read in batches of at most so many records."""


@attrs.frozen(kw_only=True)
class SourceCase:
    """A replayable source to be proven, against a server that is running and has nothing yet.

    *append* adds records to a partition, durably and in order; it may block. *record* makes the
    record of a number, *seen* what the source makes of it (default: the same).

    *forget* removes what a partition has up to a position that was read, as retention does, while
    later records stay; *add_partition* makes another partition. *server* is how the server is
    broken. *wrong* are sources that cannot work, each with a word that the message must have; none
    of *secrets* may be in any message. Without them these trials are left out. *only* are the names
    of some trials, if not all are to be done. *patience_s* is how long records may take to come.
    """

    source: Source
    append: Callable[[str, list[Any]], object]
    record: Callable[[int], Any] = text_of
    seen: Callable[[Any], Any] = lambda record: record
    forget: Callable[[str], object] | None = None
    add_partition: Callable[[], object] | None = None
    server: Server | None = None
    wrong: Mapping[str, tuple[Source, str]] = attrs.field(factory=dict)
    secrets: Sequence[str] = ()
    only: Collection[str] = ()
    patience_s: float = 30.0


@attrs.define(eq=False)
class SourceTrials:
    """What all trials share: what was appended to each partition, in order."""

    case: SourceCase
    directory: str
    sent: dict[str, list[Any]] = attrs.field(factory=lambda: defaultdict(list))
    forgotten: set[str] = attrs.field(factory=set)
    limits: SourceLimits = attrs.field(factory=lambda: SourceLimits(batch_records_max=BATCH))
    _number: int = attrs.field(default=0, init=False)

    def context(self) -> SourceContext:
        """Where the source runs."""
        return SourceContext("kit", "alpha", "kit-12345678", self.directory, self.limits)

    async def partitions(self, source: Source | None = None) -> list[str]:
        """All there are."""
        asked: Any = self.case.source if source is None else source
        if getattr(asked, "discover", None) is not None:
            return list(await asked.discover())
        return list(await trio.to_thread.run_sync(asked.partitions))

    def whole(self, partitions: list[str]) -> str:
        """A partition of which nothing was forgotten."""
        return next(each for each in partitions if each not in self.forgotten)

    async def append(self, partition: str, count: int) -> None:
        """Add records that nobody has seen."""
        first, self._number = self._number, self._number + count
        records = [self.case.record(number) for number in range(first, first + count)]
        self.sent[partition] += records  # before a reader can see them
        await trio.to_thread.run_sync(self.case.append, partition, records)

    async def open(self, partition: str, position: Any) -> SourceReader:
        """Open it where *position* says."""
        return await self.case.source.open(partition, position, self.context())
