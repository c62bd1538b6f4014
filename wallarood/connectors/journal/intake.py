"""A source that is told things instead of asking for them: they are journalled, then read."""
# Theory of operation
# ===================
# Tasks that run beside the reader hand in what has come, as entries of the journal and as what they
# are to the application. One task writes: all that was handed in while the disk was busy becomes
# durable by the next fsync, in the order in which it came; only then is anybody told so.
#
# The newest entries are also kept in memory, up to a limit. Whoever reads is behind them at first,
# after a rollback, or because the pipeline has stood still while more came in than may be kept:
# then it reads from the journal until it has caught up with what is in memory.

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch, SourceContext, SourceLimits
from wallarood.connectors.journal.blocks import Entry
from wallarood.connectors.journal.files import Journal, open_journal
from wallarood.connectors.journal.handed import Handed
from wallarood.connectors.journal.replay import Decode, Taken, batch_of, decoded_again, some_of
from wallarood.connectors.live.beside import Beside
from wallarood.connectors.live.form import stopped_by
from wallarood.model.errors import (
    ApplicationError,
    CannotCreateError,
    DamagedStateError,
    ServerAwayError,
)
from wallarood.model.pipeline import ErrorPolicy

MEMORY_BYTES_MAX = 4 << 20
"""Of payloads: what is in memory of what was not read yet."""
WAITING_BYTES_MAX = 4 << 20
"""Of payloads: with more that is not durable yet, `room` waits."""
WRITE_AGAIN_S = 1.0
FULL_SAID_S = 60.0

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Intake:
    """An open source. `repeats_max` is how many names of the newest entries are remembered.

    With `stops` it ends at what is unreadable.
    """

    journal: Journal
    decode: Decode
    limits: SourceLimits
    repeats_max: int = 0
    stops: bool = False
    _away: ServerAwayError | None = attrs.field(default=None, init=False)
    _news: bool = attrs.field(default=False, init=False)
    """Whether a server is there that was not, of which nobody was told yet."""
    _next: int = attrs.field(kw_only=True)
    """The number of the entry that is read next."""
    _first_here: int = attrs.field(init=False)
    """The number of the first entry that is in memory."""
    _here: deque[tuple[Taken, int]] = attrs.field(factory=deque, init=False)
    """Entries, each with its size in bytes."""
    _here_bytes: int = attrs.field(default=0, init=False)
    _waiting: list[Handed] = attrs.field(factory=list, init=False)
    _waiting_bytes: int = attrs.field(default=0, init=False)
    _replay: Iterator[tuple[int, bytes]] | None = attrs.field(default=None, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _full: bool = attrs.field(init=False)
    """The journal's word, as of its last change: a thread may be changing it now."""
    _full_said: float = attrs.field(default=-FULL_SAID_S, init=False)
    _beside: Beside = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._first_here = self.journal.next
        self._full = self.journal.full
        self._beside = Beside(self._changed.unpark_all)

    def start(self, run: Callable[["Intake"], Awaitable[None]], name: str) -> None:
        """Run *run*, which hands in what comes, until the source is closed."""

        async def both() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await run(self)

        self._beside.start(both, name)

    @property
    def caught_up(self) -> bool:
        """Whether all that was kept has been read."""
        return self._next >= self.journal.next

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be handed in; that is logged."""
        if not self._full:
            return False
        if trio.current_time() >= self._full_said + FULL_SAID_S:
            self._full_said = trio.current_time()
            log.warning(
                "journal full: nothing is taken in before the next checkpoint",
                journal=str(self.journal.directory),
                bytes_max=self.journal.bytes_max,
            )
        return True

    async def room(self) -> None:
        """Wait until more may be handed in."""
        while self.is_full or self._waiting_bytes > WAITING_BYTES_MAX:
            await self._changed.park()

    async def settled(self) -> None:
        """Wait until all that was handed in is durable."""
        while self._waiting_bytes:
            await self._changed.park()

    def hand_in(self, handed: Handed) -> None:
        """Take in what has come; it is durable when it says `kept`."""
        self._waiting.append(handed)
        self._waiting_bytes += handed.size_bytes
        self._changed.unpark_all()

    async def keep(self, entries: list[Entry], taken: list[Taken]) -> None:
        """Return when *entries* are durable. Raises CannotCreateError: they cannot be made so."""
        done = trio.Event()
        failed: list[CannotCreateError] = []

        def refused(error: CannotCreateError) -> None:
            failed.append(error)
            done.set()

        self.hand_in(Handed(entries, taken, done.set, refused))
        await done.wait()
        if failed:
            raise failed[0]

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                await self._changed.park()
            some, self._waiting = self._waiting, []
            entries = [entry for each in some for entry in each.entries]
            try:
                if entries:
                    async with self._using:
                        await trio.to_thread.run_sync(self.journal.append, entries)
            except CannotCreateError as error:
                log.warning("the journal cannot be written", reason=error.message)
                self._take_back(some, error)
                await trio.sleep(WRITE_AGAIN_S)
                continue
            self._note(some)

    def _take_back(self, some: list[Handed], error: CannotCreateError) -> None:
        self._waiting = [each for each in some if each.refused is None] + self._waiting
        for each in some:
            if each.refused is not None:
                self._waiting_bytes -= each.size_bytes
                each.refused(error)

    def _note(self, some: list[Handed]) -> None:
        """They are durable."""
        self._full = self.journal.full
        for each in some:
            self._waiting_bytes -= each.size_bytes
            sizes = [len(payload) for _, _, payload in each.entries]
            self._here.extend(zip(each.taken, sizes, strict=True))
            self._here_bytes += sum(sizes)
        if self._here_bytes > MEMORY_BYTES_MAX:  # all of it: it is read from the journal
            self._here.clear()
            self._here_bytes, self._first_here = 0, self.journal.next
        highest = self.journal.highest
        while len(highest) > self.repeats_max:
            del highest[next(iter(highest))]
        for each in some:
            if each.kept is not None:
                each.kept()
        self._changed.unpark_all()

    async def read(self) -> SourceBatch[Any]:
        """See `SourceReader.read`; there is no end.

        Raises DamagedStateError: the journal is damaged. Raises ApplicationError: it has a record
        that the source cannot read, now that it is another one; or one is unreadable, and that
        stops. Raises ServerAwayError: the server is away. Raises what has ended the tasks that take
        in what comes.
        """
        await trio.lowlevel.checkpoint()
        while True:
            if self._next < self._first_here:
                if (taken := await self._read_again()) is not None:
                    return self._batch(taken)
            elif self._here:
                return self._batch(self._from_memory())
            elif self._beside.failure is not None:
                raise self._beside.failure
            elif self._away is not None:
                raise self._away
            elif self._news:
                self._news = False
                return batch_of([], self._next)
            else:
                await self._changed.park()

    def lost(self, error: ServerAwayError) -> None:
        """The server that sends is away: whoever has read all is told so."""
        self._away = error
        self._changed.unpark_all()

    def found(self) -> None:
        """The server that sends is there: whoever waits is told so, by a batch without records."""
        self._away, self._news = None, True
        self._changed.unpark_all()

    def _batch(self, taken: list[Taken]) -> SourceBatch[Any]:
        batch = batch_of(taken, self._next)
        if batch.unreadable and self.stops:
            raise stopped_by(batch.unreadable[0])
        return batch

    def _from_memory(self) -> list[Taken]:
        found: list[Taken] = []
        size_bytes = 0
        while self._here and len(found) < self.limits.batch_records_max:
            if found and size_bytes + self._here[0][1] > self.limits.batch_bytes_max:
                break
            taken, size = self._here.popleft()
            found.append(taken)
            size_bytes += size
        self._here_bytes -= size_bytes
        self._first_here += len(found)
        self._next = self._first_here
        return found

    async def _read_again(self) -> list[Taken] | None:
        """What the journal has next; None if it is to be looked at again."""
        async with self._using:
            is_new = self._replay is None
            if self._replay is None:
                self._replay = self.journal.read(self._next)
            found = await trio.to_thread.run_sync(some_of, self._replay, self.limits)
            found = [each for each in found if each[0] < self._first_here]
        if not found:
            self._replay = None  # there may be more by now, in later files
            if is_new:
                raise DamagedStateError(
                    f"{self.journal.directory} lacks the entries from {self._next:,} on"
                )
            return None
        self._next = found[-1][0] + 1
        return [decoded_again(self.decode, each, self.journal.directory) for each in found]

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: what is before *position* is cut off."""
        async with self._using:
            if self._closed:
                return
            try:
                await trio.to_thread.run_sync(self.journal.cut, position or 0)
            except CannotCreateError as error:
                log.warning("the journal cannot be truncated", reason=error.message)
            self._full = self.journal.full
        self._changed.unpark_all()

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self._closed = True
        await self._beside.aclose()
        async with self._using:
            self.journal.close()


async def open_intake(
    context: SourceContext,
    position: Any,
    decode: Decode,
    *,
    name: str,
    bytes_max: int,
    repeats_max: int = 0,
    policy: ErrorPolicy = ErrorPolicy.SKIP,
) -> Intake:
    """The intake whose journal is *name*, read from *position*, the number of an entry.

    Raises ApplicationError: there is no state directory. Raises CannotCreateError: the journal
    cannot be written. Raises DamagedStateError: it is damaged, or does not reach back so far.
    """
    if not context.directory:
        raise ApplicationError(f"source {context.step!r} needs a state directory for its journal")
    where = Path(context.directory) / name
    journal = await trio.to_thread.run_sync(open_journal, where, bytes_max, context.copied)
    stops = policy is ErrorPolicy.STOP
    journal.read(position or 0)  # refuses a position that is not there
    return Intake(journal, decode, context.limits, repeats_max, stops, next=position or 0)
