"""The task of a source instance: reads its partitions and hands batches to its stage.

Theory of operation
===================
Partitions of a bounded source are read a few at a time and in the order of the topology, so that
ten thousand files do not mean ten thousand open ones; those of an endless source are read all at
once, since the first would never make room for the second. The position after a batch is noted
and the batch handed over in one step without a checkpoint between: a barrier that is put into the
inbox later comes after the batch, also if that is still being processed, and its positions fit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import Discovering, Source, SourceBatch, SourceContext, SourceReader
from wallarood.disk.noted import note_connector
from wallarood.flow.failures import Naming
from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import Barrier, Batch, EndOfStream, Loaded, Reading
from wallarood.model.checkpoint import SourcePosition
from wallarood.model.ids import InputId
from wallarood.model.time import SECOND, Condition, TimeSettings
from wallarood.runtime.dataflow.counters import SourceCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.tasks.away import Away
from wallarood.runtime.dataflow.tasks.discovery import Discovery
from wallarood.runtime.dataflow.tasks.leaving import Leaving
from wallarood.runtime.dataflow.tasks.letters import unread_of
from wallarood.runtime.dataflow.tasks.loading import Loading
from wallarood.runtime.dataflow.tasks.watchers import Watchers
from wallarood.runtime.timing.drift import Drift
from wallarood.runtime.timing.idleness import Idleness

PARTITIONS_OPEN_MAX = 8
LISTING = "(listing)"
"""Counts as a partition for time, until it is known which there are."""

log = structlog.get_logger(__name__)


@attrs.frozen(eq=False)
class SourceTask:
    """Everything that one source instance needs. `partitions` maps each one to its counters.

    `source_time` is how far its stage finds that time has come; None if it stamps no records.
    `is_mine` is whether a partition that is found while the source runs is read here.
    """

    step: str
    source: Source
    partitions: dict[str, SourceCounters]
    inbox: Inbox
    input: InputId
    gate: Gate
    context: SourceContext
    is_mine: Callable[[str], bool] = lambda _: True
    source_time: SourceTime | None = None
    drift: Drift | None = None
    of_table: bool = False
    """Whether a stream waits until what there is now of this endless source has been read."""
    aways: dict[str, Away] = attrs.field(factory=dict, init=False)
    """Of partitions, and of the listing: whether their server is away."""
    readers: dict[str, SourceReader] = attrs.field(factory=dict, init=False)
    _leaving: dict[str, Leaving] = attrs.field(factory=dict, init=False)
    _listed: trio.Event = attrs.field(factory=trio.Event, init=False)
    _watchers: Watchers = attrs.field(init=False)

    @_watchers.default
    def _watch(self) -> Watchers:
        return Watchers(self.drift, self._idleness(), self._loading())

    def _idleness(self) -> Idleness | None:
        if self.time is None or self.time.idle is None:
            return None
        return Idleness(
            self.time.idle / SECOND,
            lambda: self.gate.is_open and not self.inbox.is_full(self.input),
            lambda partition: bool(getattr(self.readers.get(partition), "caught_up", True)),
            lambda partition: self._tell(partition, Condition.IDLE),
        )

    def _loading(self) -> Loading | None:
        if not self.of_table:
            return None
        awaited = {*self.partitions, LISTING} if self._is_watched else set(self.partitions)
        return Loading(awaited, self.readers)

    @property
    def _is_watched(self) -> bool:
        """Whether partitions are found while it runs."""
        return getattr(self.source, "discover", None) is not None and not self.source.bounded

    @property
    def time(self) -> TimeSettings | None:
        """How the records are stamped; None if they are not."""
        return None if self.source_time is None else self.source_time.settings

    @property
    def called(self) -> str:
        """What this task is called where it is waited for."""
        return f"source {self.step!r}"

    async def run(self) -> None:
        """Read every partition to its end, then say that the stream has ended.

        Raises ApplicationError: a partition cannot be opened or read.
        """
        await self._resume()
        waiting = iter(self._in_order())
        readers = len(self.partitions)
        if self.source.bounded:
            readers = min(readers, PARTITIONS_OPEN_MAX)
        async with trio.open_nursery() as watching:
            loaded = partial(self.inbox.mark_nowait, self.input, Loaded())
            self._watchers.start(watching, loaded, called=self.called)
            async with trio.open_nursery() as nursery:
                for _ in range(readers):
                    nursery.start_soon(self._read_some, waiting, name=self.called)
                if self._is_watched:
                    watched: Any = self.source
                    nursery.start_soon(self._discover, watched, nursery)
            watching.cancel_scope.cancel()
        self.inbox.mark_nowait(self.input, EndOfStream())

    @property
    def waits(self) -> str:
        """Whom it waits for, and since when; empty if for nobody."""
        found = (self.away_of(name) for name in self.aways)
        return next((each.waits for each in found if each is not None and each.waits), "")

    def away_of(self, name: str) -> Away | None:
        """Whether the server of a partition is away; None if it was never opened.

        One that has said that there is no more is not away, though no record has come.
        """
        away = self.aways.get(name)
        if away is not None and getattr(self.readers.get(name), "caught_up", False):
            away.is_there()
        return away

    def _away(self, name: str) -> Away:
        return self.aways.setdefault(name, Away(f"{self.called}, {name}"))

    async def _discover(self, source: Discovering, nursery: trio.Nursery) -> None:
        """Read what appears, from its beginning; see `Discovery`."""

        def found(name: str) -> None:
            appeared = self.context.appeared or self._listed.is_set()
            self.partitions[name] = SourceCounters(appeared=appeared)
            if not self._listed.is_set():
                self._watchers.listed(name)
            self._tell(name, Condition.UNOPENED)
            nursery.start_soon(self._read_some, iter([(name, self.partitions[name])]))

        def listed() -> None:
            self._listed.set()
            self._tell(LISTING, Condition.IDLE)
            self._watchers.ended(LISTING)

        await Discovery(
            step=self.step,
            source=source,
            away=self._away(LISTING),
            known=lambda: [name for name, each in self.partitions.items() if not each.ended],
            ended=lambda: [name for name, each in self.partitions.items() if each.ended],
            is_known=self.partitions.__contains__,
            is_mine=self.is_mine,
            on_new=found,
            on_gone=lambda name: self._leaving[name].go(),
            on_listed=listed,
        ).run()

    def _in_order(self) -> list[tuple[str, SourceCounters]]:
        """The partitions as they are opened: by their names if they follow each other in time."""
        partitions = list(self.partitions.items())
        return sorted(partitions) if self.time is not None and self.time.ordered else partitions

    def _tell(self, partition: str, condition: Condition) -> None:
        """Tell the stage, after the records that were read, what the partition is doing."""
        if self.time is not None:
            self.inbox.mark_nowait(self.input, Reading(partition, condition))

    async def _resume(self) -> None:
        """Partitions that have ended may have more by now, if the source says so."""
        if self.context.directory:
            where = Path(self.context.directory)
            await trio.to_thread.run_sync(note_connector, where, self.source)
        ended = {name: each.position for name, each in self.partitions.items() if each.ended}
        resumable = getattr(self.source, "resumable", None)
        if ended and resumable is not None:
            for name in await trio.to_thread.run_sync(resumable, ended, self.context):
                self.partitions[name].ended = False

    async def _read_some(self, waiting: Iterator[tuple[str, SourceCounters]]) -> None:
        for partition, counters in waiting:
            if not counters.ended:
                await self._read_one(partition, counters)
            self._watchers.ended(partition)
            self._tell(partition, Condition.ENDED)

    async def _read_one(self, partition: str, counters: SourceCounters) -> None:
        """Read to the end, or until it is gone; a server that is away is waited for."""
        away = self._away(partition)
        leaving = self._leaving.setdefault(partition, Leaving())
        with leaving.scope:
            while not counters.ended:
                with away.noticed():
                    await self._read_on(partition, counters, away)
                if away.reason:
                    await away.pause()
        counters.ended = True
        log.debug("source partition ended", source=self.step, partition=partition)

    async def _read_on(self, partition: str, counters: SourceCounters, away: Away) -> None:
        await self.gate.wait_open()
        naming = Naming("source", self.step)
        with naming:
            reader = await self.source.open(
                partition, counters.position, attrs.evolve(self.context, appeared=counters.appeared)
            )
        self.readers[partition] = reader
        self._tell(partition, Condition.ACTIVE)
        watchers, leaving = self._watchers, self._leaving[partition]
        try:
            while True:
                await watchers.read_begins(partition)
                with naming:
                    batch = await reader.read()
                away.is_there()
                watchers.has_come(partition, batch)
                if batch is None:
                    break
                await self.gate.wait_open()
                if self.inbox.is_full(self.input):
                    with counters.blocked:
                        await self.inbox.wait_for_room(self.input)
                while not self.gate.is_open:
                    await self.gate.wait_open()
                await leaving.whole(partial(self._hand_on, partition, batch))
                await trio.lowlevel.checkpoint()
            counters.ended = True
        finally:
            watchers.read_ends(partition)
            del self.readers[partition]
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await reader.aclose()

    async def _hand_on(self, partition: str, batch: SourceBatch[Any]) -> None:
        if batch.unreadable:
            unread = unread_of(self.step, self.source, batch.unreadable)
            self.inbox.mark_nowait(self.input, unread)
        counters = self.partitions[partition]
        counters.records += len(batch.records)
        counters.position = batch.position
        if batch.records:
            await self.inbox.put(self.input, self._made(partition, batch))

    def _made(self, partition: str, read: SourceBatch[Any]) -> Batch:
        if self.time is None:
            return Batch(read.records)
        runs = [(partition, len(read.records))]
        return Batch(read.records, times=read.times, runs=runs)

    def put_barrier(self, barrier: Barrier) -> tuple[SourcePosition, ...]:
        """Put a barrier after what was read; the positions that belong to it.

        A partition that has appeared and shows no position yet is left out: it is to appear again.
        `LISTING` is among them while nothing was listed since the cluster was formed.
        """
        self.inbox.mark_nowait(self.input, barrier)
        positions = [
            SourcePosition(self.step, partition, counters.position, counters.ended)
            for partition, counters in self.partitions.items()
            if not (counters.appeared and counters.position is None and not counters.ended)
        ]
        if self._is_watched and not (self._listed.is_set() or self.context.appeared):
            positions.append(SourcePosition(self.step, LISTING, None, ended=False))
        return tuple(positions)

    @property
    def journal_filled(self) -> float:
        """How full the fullest journal of its readers is, 0 to 1; 0 where there is none."""
        journals = (getattr(reader, "journal", None) for reader in self.readers.values())
        return max((getattr(each, "filled", 0.0) for each in journals), default=0.0)

    async def committed(self, positions: dict[str, object]) -> None:
        """The partitions will not be read from before *positions* again."""
        for partition, reader in list(self.readers.items()):
            if partition in positions:
                await reader.committed(positions[partition])
