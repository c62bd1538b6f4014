"""A part goes out in pieces as far as there is credit, and comes in as the chunks that it was."""

from collections.abc import Iterator

import pytest
import trio
import trio.testing
from support.wires import data_channels

from wallarood.model.change import PartName
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import Chunk, Credit, PartEnd, PartHead, PartPiece
from wallarood.runtime.peers.parts import (
    PIECE_BYTES,
    WINDOW_BYTES,
    Allowance,
    Assembler,
    Conversation,
    pieces_of,
    read_some,
    send_part,
)
from wallarood.wire.frames import FrameDecoder
from wallarood.wire.transfer import decode_transfer

PART = PartName(1, "alpha", 3, 9)
CHUNKS = [
    Chunk("count", 7, 0, bytes(PIECE_BYTES)),
    Chunk("count", 9, 0, b""),
    Chunk("sum", 9, 0, b"x" * (2 * PIECE_BYTES + 1)),
]
HEAD = PartHead(PART, {"sources": []}, len(CHUNKS), 0)


def test_a_chunk_is_put_together_from_its_pieces() -> None:
    assembler = Assembler(HEAD)
    pieces = [piece for chunk in CHUNKS for piece in pieces_of(chunk)]
    assert [len(piece.data) for piece in pieces] == [PIECE_BYTES, 0, PIECE_BYTES, PIECE_BYTES, 1]
    assert [each for piece in pieces if (each := assembler.take(piece))] == CHUNKS
    assembler.end(PartEnd(PART))


def test_a_part_that_is_not_whole_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="after 0 of 3 chunks"):
        Assembler(HEAD).end(PartEnd(PART))
    with pytest.raises(RemoteProtocolError, match="has ended after"):
        Assembler(PartHead(PART, {}, 0, 0)).end(PartEnd(PartName(1, "alpha", 4, 9)))
    begun = Assembler(HEAD)
    begun.take(PartPiece("count", 7, 0, False, b"half"))
    with pytest.raises(RemoteProtocolError, match="before its last piece"):
        begun.take(PartPiece("count", 7, 1, True, b"other"))


async def test_no_more_is_under_way_than_was_taken() -> None:
    def chunks() -> Iterator[list[Chunk]]:
        for sequence in range(40):
            yield [Chunk("count", 1, sequence, bytes(PIECE_BYTES))]

    sent = 0

    def on_sent(size: int) -> None:
        nonlocal sent
        sent += size

    async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
        talking = Conversation(ours, FrameDecoder(1 << 20))
        hearing = Conversation(theirs, FrameDecoder(1 << 20))
        allowance = Allowance()

        async def send() -> None:
            head = PartHead(PART, {}, 40, 0)
            await send_part(talking, head, chunks(), allowance=allowance, on_sent=on_sent)

        nursery.start_soon(send)
        for _ in range(1 + WINDOW_BYTES // PIECE_BYTES):
            await hearing.hear()
        await trio.testing.wait_all_tasks_blocked()  # the sender has come back from the last send
        with trio.move_on_after(0.05) as more:
            await hearing.hear()
        assert more.cancelled_caught
        assert sent == WINDOW_BYTES
        allowance.add(Credit(1))
        assert isinstance(await hearing.hear(), PartPiece)  # one may overdraw
        allowance.add(Credit(40 * PIECE_BYTES))
        while not isinstance(await hearing.hear(), PartEnd):
            pass
    assert sent == 40 * PIECE_BYTES  # once the sender has come back from the last send as well


async def test_who_takes_nothing_for_long_holds_open_nothing_that_is_read() -> None:
    """SQLite keeps all that is written as long as somebody reads from before."""
    closed = []

    def chunks() -> Iterator[list[Chunk]]:
        try:
            while True:
                yield [Chunk("count", 1, 0, bytes(PIECE_BYTES))]
        finally:
            closed.append(True)

    reading = chunks()
    async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
        hearing = Conversation(theirs, FrameDecoder(1 << 20))

        async def take_what_comes() -> None:
            while await hearing.hear() is not None:
                pass

        nursery.start_soon(take_what_comes)
        talking, allowance = Conversation(ours, FrameDecoder(1 << 20)), Allowance(patience_s=0.01)
        with pytest.raises(trio.TooSlowError):
            await send_part(talking, PartHead(PART, {}, 99, 0), reading, allowance=allowance)
        assert closed
        nursery.cancel_scope.cancel()


class Counted:
    """A channel that counts how often something is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(data)


async def test_a_small_part_goes_out_at_once_and_its_reader_is_closed() -> None:
    ended = False

    def chunks() -> Iterator[list[Chunk]]:
        nonlocal ended
        try:
            yield [Chunk("count", 9, 0, b"some")]
            yield [Chunk("sum", 9, 0, b"more")]
        finally:
            ended = True

    channel = Counted()
    conversation = Conversation(channel, FrameDecoder(1 << 20))  # type: ignore[arg-type]
    reading, allowance = chunks(), Allowance()
    first = read_some(reading, 2)
    head = PartHead(PART, {}, 2, 8)
    await send_part(conversation, head, reading, allowance=allowance, first=first)
    assert ended
    (sent,) = channel.sent
    messages = [decode_transfer(each) for each in FrameDecoder(1 << 20).feed(sent)]
    assert [type(each) for each in messages] == [PartHead, PartPiece, PartPiece, PartEnd]
    assert allowance.left == WINDOW_BYTES - 8


async def test_what_came_with_the_hello_is_heard_first() -> None:
    async with data_channels() as (ours, theirs):
        from_there = Conversation(theirs, FrameDecoder(1 << 20))
        await from_there.say(Credit(3))
        await from_there.say(Credit(4))
        frames = FrameDecoder(1 << 20)
        rest: list[bytes] = []
        while len(rest) < 2:
            rest += frames.feed(await ours.receive_some(1 << 16))
        here = Conversation.after(ours, frames, rest)
        assert [await here.hear(), await here.hear()] == [Credit(3), Credit(4)]
        await theirs.aclose()
        assert await here.hear() is None
