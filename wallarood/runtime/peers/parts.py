"""A part of a checkpoint on its way over a data connection: out in pieces, in as whole chunks."""
# Theory of operation
# ===================
# A part may be larger than memory. So it is read from the store a few chunks at a time, goes out in
# pieces that a frame has room for, and only as far as the other end has given credit: that end
# gives it for what it has made durable, so neither end keeps more than a window and a chunk.

import math
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import TypeAlias

import attrs
import trio

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import (
    Chunk,
    Credit,
    PartEnd,
    PartHead,
    PartPiece,
    TransferMessage,
)
from wallarood.runtime.dataflow.waker import Waker
from wallarood.runtime.ports import DataChannel
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.transfer import decode_transfer, encode_transfer

PIECE_BYTES = 256 << 10
WINDOW_BYTES = 4 << 20
"""What may be under way and not taken; one piece may overdraw."""
RECEIVE_BYTES_MAX = 256 << 10

Chunks: TypeAlias = Iterator[list[Chunk]]
"""The chunks of a part, some at a time. Reading them blocks."""


@attrs.define(eq=False)
class Conversation:
    """The messages of a transfer on *channel*. Any task may say something; one task hears."""

    channel: DataChannel
    frames: FrameDecoder
    _heard: list[bytes] = attrs.field(factory=list)
    """Payloads that have come and were not looked at, the last one first."""
    _saying: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    @classmethod
    def after(cls, channel: DataChannel, frames: FrameDecoder, rest: list[bytes]) -> "Conversation":
        """That on a channel of which the first message, and *rest*, have come already."""
        return cls(channel, frames, rest[::-1])

    async def say(self, *messages: TransferMessage) -> None:
        """Send *messages*. Raises trio.BrokenResourceError or OSError: the connection is broken."""
        data = [encode_frame(encode_transfer(message)) for message in messages]
        async with self._saying:
            await self.channel.send_all(data[0] if len(data) == 1 else b"".join(data))

    async def hear(self) -> TransferMessage | None:
        """Wait for a message; None when the peer has closed.

        Raises RemoteProtocolError: it is malformed.
        """
        while not self._heard:
            data = await self.channel.receive_some(RECEIVE_BYTES_MAX)
            if not data:
                return None
            self._heard = self.frames.feed(data)[::-1]
        return decode_transfer(self._heard.pop())


@attrs.define(eq=False)
class Allowance:
    """How many bytes of chunks may still be sent; for more it is waited for `patience_s`."""

    left: int = WINDOW_BYTES
    patience_s: float = math.inf
    _more: Waker = attrs.field(factory=Waker, init=False)

    async def spend(self, size_bytes: int) -> None:
        """Return when *size_bytes* may be sent. Raises trio.TooSlowError: nothing was taken."""
        while self.left <= 0:
            with trio.fail_after(self.patience_s):
                await self._more.wait()
        self.left -= size_bytes

    def add(self, credit: Credit) -> None:
        """The other end has taken some."""
        self.left += credit.bytes
        self._more.wake()


async def send_part(
    conversation: Conversation,
    head: PartHead,
    chunks: Chunks,
    *,
    allowance: Allowance,
    first: list[Chunk] | None = None,
    on_sent: Callable[[int], None] = lambda _: None,
    between: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
) -> None:
    """Send a whole part; *on_sent* is told how many bytes of chunks each piece has had.

    *first* is what `read_some` has read of it, if it has. A small part goes out at once; *between*
    the pieces of a larger one something else may be sent. *chunks* are closed in any case: SQLite
    keeps all that is written while they are read. Raises what reading *chunks* raises, what
    *between* does, as `Conversation.say`, and as `Allowance.spend`.
    """
    waiting: list[TransferMessage] = [head]
    size = 0

    async def go() -> None:
        nonlocal size
        await conversation.say(*waiting)
        waiting.clear()
        if size:
            on_sent(size)
        size = 0

    left, some = head.chunks, first
    try:
        while True:
            if some is None:
                some = await trio.to_thread.run_sync(read_some, chunks, left)
            for chunk in some:
                for piece in pieces_of(chunk):
                    if waiting and (allowance.left <= 0 or size + len(piece.data) > PIECE_BYTES):
                        await go()
                        await between()
                    await allowance.spend(len(piece.data))
                    waiting.append(piece)
                    size += len(piece.data)
            left -= len(some)
            if left <= 0 or not some:
                break
            some = None
        waiting.append(PartEnd(head.part))
        await go()
    finally:
        if isinstance(chunks, Generator):
            chunks.close()


def read_some(chunks: Chunks, left: int) -> list[Chunk]:
    """The next of the *left* chunks; after the last, *chunks* are closed. It blocks."""
    some = next(chunks, [])
    if len(some) >= left and isinstance(chunks, Generator):
        chunks.close()  # and with it what it reads from
    return some


def pieces_of(chunk: Chunk) -> Iterator[PartPiece]:
    """A chunk in pieces; an empty one is one piece."""
    size = len(chunk.data)
    for start in range(0, max(1, size), PIECE_BYTES):
        end = start + PIECE_BYTES
        yield PartPiece(
            chunk.computation, chunk.number, chunk.sequence, end >= size, chunk.data[start:end]
        )


@attrs.define(eq=False)
class Assembler:
    """What has come of the part of *head*."""

    head: PartHead
    chunks: int = 0
    _pieces: list[PartPiece] = attrs.field(factory=list, init=False)

    def take(self, piece: PartPiece) -> Chunk | None:
        """Take a piece in; the chunk that it ends, if it ends one.

        Raises RemoteProtocolError: it is not of the chunk that has begun.
        """
        if self._pieces and _chunk_of(self._pieces[0]) != _chunk_of(piece):
            raise RemoteProtocolError("a chunk of a part has ended before its last piece")
        self._pieces.append(piece)
        if not piece.last:
            return None
        data = piece.data if len(self._pieces) == 1 else b"".join(p.data for p in self._pieces)
        self._pieces, self.chunks = [], self.chunks + 1
        return Chunk(piece.computation, piece.number, piece.sequence, data)

    def end(self, end: PartEnd) -> None:
        """Raises RemoteProtocolError: that is not the end of the part, or chunks are missing."""
        if end.part != self.head.part or self._pieces or self.chunks != self.head.chunks:
            raise RemoteProtocolError(
                f"part {self.head.part.number} of {self.head.part.owner} has ended after "
                f"{self.chunks:,} of {self.head.chunks:,} chunks"
            )


def _chunk_of(piece: PartPiece) -> tuple[str, int, int]:
    return piece.computation, piece.number, piece.sequence
