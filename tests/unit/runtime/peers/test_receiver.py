"""The receiving end of a link, on real sockets: when grants go out, and what they say."""

import contextlib
import decimal
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from wallarood.flow.link import LinkReceiver
from wallarood.model.batch import Barrier, Batch
from wallarood.model.ids import Incarnation
from wallarood.net.tcp import DataChannel
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.peers.receiver import PeerReceiver
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import Alive, Data, Grant, LinkHello, MarkFrame, decode_peer, encode_peer
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule, RecordCodecError

EDGE, WINDOW_BYTES = 1, 1000
INPUT = (EDGE, "alpha")
CODEC = RecordCodec.for_types(bytes, rule=PickleRule.FORBIDDEN)


@attrs.frozen
class Nothing:
    """An alignment that blocks nothing."""

    blocked: frozenset[tuple[int, str]] = frozenset()


@attrs.define
class Peer:
    """The sending end of one connection, written by hand."""

    stream: trio.SocketStream
    sequence: int = 0
    frames: FrameDecoder = attrs.field(factory=lambda: FrameDecoder(1 << 16))

    async def send(self, content: bytes | Barrier) -> None:
        """A batch of one record, or a mark."""
        self.sequence += 1
        if isinstance(content, Barrier):
            message: Data | MarkFrame = MarkFrame(EDGE, self.sequence, 0, content)
        else:
            message = Data(EDGE, self.sequence, 0, CODEC.encode(Batch([content])), 1)
        await self.stream.send_all(encode_frame(encode_peer(message)))

    async def said(self) -> list[LinkHello | Grant | Alive]:
        """What has come by the time when nobody has anything left to do."""
        await wait_all_tasks_blocked()
        found: list[LinkHello | Grant | Alive] = []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.stream.socket.fileno(), 1 << 16):
                found += [decode_peer(payload) for payload in self.frames.feed(data)]
        return found


@contextlib.asynccontextmanager
async def connected(receiver: PeerReceiver) -> AsyncIterator[Peer]:
    """A connection to *receiver*, which has greeted."""
    pair = [trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in socket.socketpair()]
    async with pair[0], pair[1], trio.open_nursery() as nursery:
        channel = DataChannel(pair[0], "alpha")
        nursery.start_soon(receiver.serve, channel, FrameDecoder(1 << 16), [])
        yield Peer(pair[1], receiver.link.received.get(EDGE, 0))
        nursery.cancel_scope.cancel()


def receiver_of(inbox: Inbox) -> PeerReceiver:
    return PeerReceiver(
        peer="alpha",
        hello=LinkHello("wc-1", "beta", Incarnation(1, "x"), 0),
        link=LinkReceiver(WINDOW_BYTES),
        inbox=lambda _: inbox,
        codecs={EDGE: CODEC},
    )


async def test_grants_wait_for_a_part_of_the_window_or_a_mark() -> None:
    inbox = Inbox([INPUT], batches_max=8, batch_records_max=1)
    async with connected(receiver_of(inbox)) as peer:
        assert [type(each) for each in await peer.said()] == [LinkHello]
        for _ in range(3):
            await peer.send(b"small")
            await inbox.get(Nothing())
        assert await peer.said() == []
        await peer.send(bytes(WINDOW_BYTES // 4))
        assert await peer.said() == []  # it has come, and waits
        await inbox.get(Nothing())
        assert await peer.said() == [Grant(EDGE, 4)]
        await peer.send(b"small")
        await peer.send(Barrier(0, 1))
        await inbox.get(Nothing())
        assert await peer.said() == []
        await inbox.get(Nothing())
        assert await peer.said() == [Grant(EDGE, 6)]


async def test_what_cannot_be_decoded_is_not_received() -> None:
    inbox = Inbox([INPUT], batches_max=8, batch_records_max=1)
    receiver = receiver_of(inbox)
    codec = RecordCodec.for_types(Any, rule=PickleRule.ALLOWED, maker="computation 'make'")
    receiver.codecs = {EDGE: codec}
    good = codec.encode(Batch([decimal.Decimal(1)]))
    bad = good.replace(b"Decimal", b"Decimil")

    async def send() -> None:
        async with connected(receiver) as peer:
            for sequence, payload in enumerate((good, bad), 1):
                data = Data(EDGE, sequence, 0, payload, 1)
                await peer.stream.send_all(encode_frame(encode_peer(data)))
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await send()
    assert caught.group_contains(RecordCodecError, match="of computation 'make'")
    assert receiver.link.received == {EDGE: 1}


async def test_what_is_taken_while_nobody_is_connected_is_granted_on_the_next_connection() -> None:
    inbox = Inbox([INPUT], batches_max=8, batch_records_max=1)
    receiver = receiver_of(inbox)
    async with connected(receiver) as peer:
        await peer.send(b"small")
        await peer.send(b"small")
        await wait_all_tasks_blocked()
    await inbox.get(Nothing())
    async with connected(receiver) as peer:
        hello, grant = await peer.said()
        assert isinstance(hello, LinkHello)
        assert hello.received == ((EDGE, 2),)
        assert grant == Grant(EDGE, 1)
        await peer.send(Barrier(0, 1))
        await inbox.get(Nothing())
        await inbox.get(Nothing())
        assert await peer.said() == [Grant(EDGE, 3)]


async def test_a_peer_is_told_now_and_then_that_bytes_come(
    autojump_clock: MockClock,
) -> None:
    del autojump_clock
    inbox = Inbox([INPUT], batches_max=8, batch_records_max=1)
    receiver = receiver_of(inbox)
    receiver.alive_s = 5.0
    question = encode_frame(encode_peer(Alive()))
    async with connected(receiver) as peer:
        assert [type(each) for each in await peer.said()] == [LinkHello]
        await trio.sleep(20)
        assert await peer.said() == [], "nothing has come"
        await peer.stream.send_all(question[:3])
        assert await peer.said() == [Alive()]
        await peer.stream.send_all(question[3:])
        assert await peer.said() == [], "it has been told a moment ago"
        await trio.sleep(6)
        await peer.stream.send_all(question)
        assert await peer.said() == [Alive()]


async def test_a_trace_comes_out_with_its_batch() -> None:
    inbox = Inbox([INPUT], batches_max=8, batch_records_max=1)
    async with connected(receiver_of(inbox)) as peer:
        for sequence, trace in enumerate((b"", bytes(range(24))), 1):
            data = Data(EDGE, sequence, 0, CODEC.encode(Batch([b"record"])), 1, trace)
            await peer.stream.send_all(encode_frame(encode_peer(data)))
        found = [(await inbox.get(Nothing()))[1] for _ in range(2)]
        assert [each.trace for each in found if isinstance(each, Batch)] == [
            None,
            bytes(range(24)),
        ]
