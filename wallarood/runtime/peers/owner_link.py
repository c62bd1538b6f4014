"""The connection of a worker whose replicas are kept here."""
# Theory of operation
# ===================
# A part goes to the store as it comes: chunks of a large one some at a time, the last together with
# the part itself, in one transaction. Credit is given for what is durable, so a slow or full disk
# holds up the owner and nobody else. Files that a journal's clients wait for come between the
# pieces of a part, and have the same credit. What is written belongs to the round of the
# connection: when another round has been written here, the connection is of no use any more.

import math
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

import attrs
import trio

from wallarood.control.events import Event
from wallarood.control.replicas.events import ReplicaLacking, ReplicaWritten
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import (
    Chunk,
    Credit,
    FileGone,
    FilePiece,
    FilesHeld,
    FilesSent,
    FileState,
    Has,
    Held,
    PartEnd,
    PartHead,
    PartPiece,
    ReplicaHello,
    StillThere,
)
from wallarood.runtime.peers.parts import Assembler, Conversation
from wallarood.runtime.peers.ports import ReplicaStore

STAGE_BYTES = 4 << 20
"""About how much of a large part is written at once. It is less than the window and a chunk."""

T = TypeVar("T")
Stored = Callable[[Callable[[ReplicaStore], bool]], Awaitable[bool | None]]
"""Has the store do something in its turn; None: it is in another round by now."""


Answer: TypeAlias = Has | Held | StillThere | FilesHeld


class Files(Protocol):
    """The copies of an owner's files."""

    async def states(self) -> tuple[FileState, ...]:
        """What is there."""

    async def write(self, changes: list[FilePiece | FileGone]) -> None:
        """Carry out *changes*, in order; again and again while the disk is full."""

    async def settle(self) -> None:
        """Make durable what was written."""


@attrs.define(eq=False)
class OwnerLink:
    """An owner's connection. `post` takes what happens; `stored` writes parts, `files` files."""

    hello: ReplicaHello
    conversation: Conversation
    stored: Stored
    files: Files
    post: Callable[[Event], None]
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    bytes_in: int = attrs.field(default=0, init=False)
    _outbox: trio.MemorySendChannel[Answer] = attrs.field(init=False)
    _to_say: trio.MemoryReceiveChannel[Answer] = attrs.field(init=False)
    _changes: list[FilePiece | FileGone] = attrs.field(factory=list, init=False)
    """What has come of files and is not written."""
    _changes_bytes: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        # An answer to each part and each sign of life: the owner waits for them.
        self._outbox, self._to_say = trio.open_memory_channel[Answer](math.inf)

    def say(self, message: Answer) -> None:
        """Tell the owner."""
        self._outbox.send_nowait(message)

    async def serve(self) -> None:
        """Take parts, until the connection ends or `scope` is cancelled.

        Raises RemoteProtocolError: the owner sent what it must not, or its round is over.
        """
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._speak)
                while (message := await self.conversation.hear()) is not None:
                    match message:
                        case PartHead():
                            await self._settle()
                            await self._take(message)
                        case StillThere() | FilePiece() | FileGone() | FilesSent():
                            await self._take_between(message)
                        case _:
                            raise RemoteProtocolError(f"expected a part, found {message!r:.200}")
                nursery.cancel_scope.cancel()

    async def _speak(self) -> None:
        async for message in self._to_say:
            await self.conversation.say(message)

    async def _take(self, head: PartHead) -> None:
        part = head.part
        if (part.owner, part.layout) != (self.hello.worker, self.hello.epoch):
            raise RemoteProtocolError(f"{self.hello.worker} sent part {part}")
        owner = part.layout, part.owner
        assembler = Assembler(head)
        some: list[Chunk] = []
        size = 0
        while True:
            match message := await self.conversation.hear():
                case PartPiece():
                    size += len(message.data)
                    if (chunk := assembler.take(message)) is not None:
                        some.append(chunk)
                case PartEnd():
                    assembler.end(message)
                    break
                case StillThere() | FilePiece() | FileGone() | FilesSent():
                    await self._take_between(message)
                case _:
                    raise RemoteProtocolError(f"expected a piece of a part, found {message!r:.200}")
            if size + self._changes_bytes >= STAGE_BYTES:
                staged, some = some, []
                await self._store(lambda store, staged=staged: store.stage(owner, staged))  # type: ignore[misc]
                await self._credit(size)
                await self._write_files()
                size = 0
        is_whole = await self._store(lambda store: store.write(part, head.manifest, some))
        await self._credit(size)
        self.post(ReplicaWritten(part) if is_whole else ReplicaLacking(part.owner))

    async def _take_between(self, message: FilePiece | FileGone | FilesSent | StillThere) -> None:
        """What comes between parts, or between the pieces of one."""
        match message:
            case FilesSent(number):
                await self._settle()
                self.say(FilesHeld(number))
            case StillThere():
                self.say(StillThere())
            case _:
                await self._take_file(message)

    async def _take_file(self, change: FilePiece | FileGone) -> None:
        self._changes.append(change)
        self._changes_bytes += len(change.data) if isinstance(change, FilePiece) else 0
        if self._changes_bytes >= STAGE_BYTES // 4:
            await self._write_files()

    async def _write_files(self) -> None:
        """Write what has come of files."""
        changes, self._changes = self._changes, []
        size, self._changes_bytes = self._changes_bytes, 0
        if changes:
            await self.files.write(changes)
            await self._credit(size)

    async def _settle(self) -> None:
        """Make it durable, too."""
        await self._write_files()
        await self.files.settle()

    async def _store(self, call: Callable[[ReplicaStore], bool]) -> bool:
        done = await self.stored(call)
        if done is None:
            raise RemoteProtocolError(f"round {self.hello.round} of {self.hello.worker} is over")
        return done

    async def _credit(self, size: int) -> None:
        self.bytes_in += size
        await self.conversation.say(Credit(size))
