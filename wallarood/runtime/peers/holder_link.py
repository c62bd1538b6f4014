"""The connection of a worker to the one that keeps its replicas, for one round."""
# Theory of operation
# ===================
# It is kept as long as the round is: when it breaks, it is dialled again, and begins with what the
# holder says that it has. A part is read from this worker's own store, without what is there, and
# goes as far as the holder gives credit. Before each part goes what sources and sinks have written
# by then: so who has the part has that too. A journal that has taken something in asks for as much
# at once, and so does a sink that has removed what must not come back; that goes between the pieces
# of a part, which may be all of a large state. An idle connection is asked for a sign of life; one
# that gives none for several questions in a row is dead.

import math
from collections.abc import Callable, Collection
from functools import partial
from typing import Generic, TypeAlias, TypeVar

import attrs
import structlog
import trio

from wallarood.control.events import Event
from wallarood.control.replicas.events import HolderHas, HolderLost, PartHeld
from wallarood.model.change import PartName
from wallarood.model.errors import (
    CannotCreateError,
    DamagedStateError,
    KeyRefusedError,
    RemoteProtocolError,
    first_error,
)
from wallarood.model.ids import Address
from wallarood.model.messages.replicas import (
    Chunk,
    ChunkGroup,
    Credit,
    FileGone,
    FilePiece,
    FilesHeld,
    FilesSent,
    Has,
    Held,
    PartHead,
    ReplicaHello,
    StillThere,
)
from wallarood.runtime.dataflow.counters import LinkCounters
from wallarood.runtime.peers.captured import Captured, Known, Sent
from wallarood.runtime.peers.links import LinkLimits
from wallarood.runtime.peers.parts import (
    Allowance,
    Chunks,
    Conversation,
    read_some,
    send_part,
)
from wallarood.runtime.peers.ports import FilesToCopy
from wallarood.runtime.ports import DialData
from wallarood.wire.frames import FrameDecoder

BACKOFF_FIRST_S = 0.02
ERRORS = (
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
    KeyRefusedError,
    RemoteProtocolError,
    DamagedStateError,
    CannotCreateError,
)
"""What ends a connection, also that the part cannot be read: the next one begins from the start."""

ReadOwn: TypeAlias = Callable[[PartName, Collection[ChunkGroup]], tuple[PartHead, Chunks]]
"""Reads a part without the chunks that are there."""
Begun: TypeAlias = tuple[PartHead, Chunks, list[Chunk]]
"""A part that is read, and the first of its chunks."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


@attrs.frozen
class Done(Generic[T]):
    """What came after the last change of a file."""

    result: T


@attrs.define(eq=False)
class HolderLink:
    """The link to *holder*. `post` takes what happens; `read` reads from this worker's store."""

    holder: str
    hello: ReplicaHello
    address: Callable[[], Address]
    dial: DialData
    read: ReadOwn
    post: Callable[[Event], None]
    limits: LinkLimits
    on_moved: Callable[[Sent], None]
    files: FilesToCopy
    counters: LinkCounters = attrs.field(factory=LinkCounters)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    sending: Sent | None = attrs.field(default=None, init=False)
    captured: Captured | None = attrs.field(default=None, init=False)
    """The newest part, if it can be sent without a look at the disk."""
    _there: Known = attrs.field(factory=Known, init=False)
    _coming: PartHead | None = attrs.field(default=None, init=False)
    """The part that is under way."""
    _parts: trio.MemorySendChannel[PartName | FilesSent] | None = attrs.field(
        default=None, init=False
    )
    _asked: int = attrs.field(default=0, init=False)
    """How often files were to be copied, and how often they have been."""
    _copied: int = attrs.field(default=0, init=False)
    _told: int = attrs.field(default=0, init=False)
    """The last question whose files were sent."""
    _moved_on: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _silent: int = attrs.field(default=0, init=False)

    @property
    def connected(self) -> bool:
        """Whether there is a connection on which the holder has said what it has."""
        return self._parts is not None

    @property
    def how_far(self) -> str:
        """How much has been sent of the part that is under way, in words."""
        sent_bytes = self.sending.sent_bytes if self.sending is not None else 0
        return f" ({sent_bytes >> 20} MiB sent)" if self.connected else ", which is not connected"

    def send(self, part: PartName) -> None:
        """Send a part, if there is a connection; else the holder says again what it has."""
        if self._parts is not None:
            self._parts.send_nowait(part)

    async def copied_to(self, path: str, size: int) -> None:
        """Return when a journal's file is durable at the holder up to *size*.

        Never, if the round is over before: nothing is acknowledged then, and the caller cancelled.
        """
        self.files.holds(path, size)
        await self.all_copied()

    async def all_copied(self) -> None:
        """Return when the holder has all files as they are here by now; never, as `copied_to`."""
        self._asked += 1
        number = self._asked
        if self._parts is not None:
            self._parts.send_nowait(FilesSent(number))
        while self._copied < number or self.scope.cancel_called:
            await self._moved_on.park()

    def leave(self) -> None:
        """The round is over."""
        self.scope.cancel()

    async def run(self) -> None:
        """Keep the connection until `scope` is cancelled."""
        backoff_s = BACKOFF_FIRST_S
        with self.scope:
            while True:
                try:
                    async with self.dial(self.address()) as channel:
                        frames = FrameDecoder(self.limits.frame_bytes_max)
                        await self._use(Conversation(channel, frames))
                except ERRORS as error:
                    self._closed(str(error))
                except BaseExceptionGroup as group:
                    _, other = group.split(ERRORS)
                    if other is not None:
                        raise
                    self._closed(str(first_error(group)))
                finally:
                    if self._parts is not None:
                        backoff_s = BACKOFF_FIRST_S
                        self._parts = self.sending = None
                        self._tell(HolderLost())
                await trio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, self.limits.backoff_max_s)

    def _tell(self, event: Event) -> None:
        """Post an event, unless the round is over: this link may end late, after the next began."""
        if not self.scope.cancel_called:
            self.post(event)

    def _closed(self, reason: str) -> None:
        log.debug("connection for replicas closed", holder=self.holder, reason=reason)

    async def _use(self, conversation: Conversation) -> None:
        await conversation.say(self.hello)
        # One part is under way at a time; more than that comes only where one was given up.
        wanted_in, wanted = trio.open_memory_channel[PartName | FilesSent](math.inf)
        allowance = Allowance()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_parts, conversation, wanted, allowance)
            nursery.start_soon(self._watch, conversation)
            self._silent = 0
            while (message := await conversation.hear()) is not None:
                self._silent = 0
                match message:
                    case Has(parts, groups, files):
                        self._silent = -(1 << 30)  # what comes meanwhile waits, however long
                        await trio.to_thread.run_sync(self.files.compare, files)
                        self._silent = 0
                        self._parts, self._there = wanted_in, Known(set(groups))
                        self._coming, self._asked = None, self._asked + 1
                        self._parts.send_nowait(FilesSent(self._asked))
                        self._tell(HolderHas(parts))
                    case FilesHeld(number):
                        self._copied = max(self._copied, number)
                        self._moved_on.unpark_all()
                    case Held(part):
                        if self._coming is not None:
                            self._there.add(self._coming)
                        if self.captured is not None and self.captured.head.part == part:
                            self.captured = None
                        self._tell(PartHeld(part))
                    case Credit():
                        allowance.add(message)
                    case StillThere():
                        pass
                    case _:
                        raise RemoteProtocolError(f"not expected of a holder: {message!r:.200}")
            nursery.cancel_scope.cancel()

    async def _send_parts(
        self,
        conversation: Conversation,
        wanted: trio.MemoryReceiveChannel[PartName | FilesSent],
        allowance: Allowance,
    ) -> None:
        async for part in wanted:
            if isinstance(part, FilesSent):
                await self._send_asked(conversation, allowance)
                continue
            sent = self.sending = Sent(part)
            read = partial(self._read, part, frozenset(self._there.groups))
            head, chunks, first = await self._send_files(conversation, allowance, then=read)
            self._coming = head
            sent.size_bytes = head.size_bytes
            await send_part(
                conversation,
                head,
                chunks,
                allowance=allowance,
                first=first,
                on_sent=self._moved,
                between=partial(self._send_asked, conversation, allowance),
            )

    async def _send_asked(self, conversation: Conversation, allowance: Allowance) -> None:
        """Send the files that were asked for since they were last sent, and say so."""
        if (asked := self._asked) > self._told:
            await self._send_files(conversation, allowance, then=lambda: None)
            await conversation.say(FilesSent(asked))
            self._told = asked

    def _read(self, part: PartName, there: frozenset[ChunkGroup]) -> Begun:
        captured = self.captured
        found = captured.without(part, there) if captured is not None else None
        head, chunks = found or self.read(part, there)
        return head, chunks, read_some(chunks, head.chunks)

    async def _send_files(
        self, conversation: Conversation, allowance: Allowance, *, then: Callable[[], T]
    ) -> T:
        """Send what has changed of files, and return what *then* does, in the same thread."""
        # Where none has changed, as in most jobs, that is one wait for a busy loop and not two.
        changes = self.files.changes()

        def next_or_then() -> FilePiece | FileGone | Done[T]:
            change = next(changes, None)
            return Done(then()) if change is None else change

        while not isinstance(change := await trio.to_thread.run_sync(next_or_then), Done):
            if isinstance(change, FilePiece):
                await allowance.spend(len(change.data))
                self.counters.bytes_out += len(change.data)
            await conversation.say(change)
        return change.result

    def _moved(self, size_bytes: int) -> None:
        self.counters.bytes_out += size_bytes
        if self.sending is not None:
            self.sending.sent_bytes += size_bytes
            self.on_moved(self.sending)

    async def _watch(self, conversation: Conversation) -> None:
        """Raises trio.TooSlowError: the connection is dead."""
        silent_max = max(3, math.ceil(self.limits.silence_s / self.limits.probe_s))
        while True:
            await trio.sleep(self.limits.probe_s)
            if self._silent >= silent_max:
                raise trio.TooSlowError("nothing comes over it, though something was sent")
            self._silent += 1
            await conversation.say(StillThere())
