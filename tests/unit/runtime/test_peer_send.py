"""The sender of a link on a real socket that takes less at once than a frame has."""

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.flow.link import LinkSender
from wallarood.model.ids import Address, Incarnation
from wallarood.net.tcp import DataChannel
from wallarood.runtime.peer_send import PeerSender
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import LinkHello, encode_peer

FRAME_BYTES_MAX = 1 << 20
EDGE = 1


def hello_of(worker: str, received: int = 0) -> LinkHello:
    return LinkHello("wc-1", worker, Incarnation(1, "x"), 0, ((EDGE, received),))


class Peer:
    """The other end: each dial gives it a new socket; it greets, and reads when it is told to."""

    def __init__(self) -> None:
        self.received = 0
        self._dialled, self._connections = trio.open_memory_channel[trio.SocketStream](8)

    @contextlib.asynccontextmanager
    async def dial(self, _address: Address) -> AsyncIterator[DataChannel]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for each in (ours, theirs):
                each.setblocking(False)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
            hello = encode_frame(encode_peer(hello_of("beta", self.received)))
            await stream.send_all(hello)
            self._dialled.send_nowait(stream)
            yield DataChannel(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), "beta")

    async def connection(self) -> trio.SocketStream:
        """Our end of the next connection."""
        return await self._connections.receive()


async def read(stream: trio.SocketStream, count: int) -> list[bytes]:
    """The first payloads that come, without the hello before them."""
    frames = FrameDecoder(FRAME_BYTES_MAX)
    found: list[bytes] = []
    while len(found) <= count:
        found += frames.feed(await stream.receive_some(1000))
    return found[1:]


def sender_to(peer: Peer) -> PeerSender:
    return PeerSender(
        peer="beta",
        hello=hello_of("alpha"),
        address=lambda: Address("127.0.0.1", 1),
        accepts=lambda _: True,
        dial=peer.dial,
        link=LinkSender(FRAME_BYTES_MAX),
        frame_bytes_max=FRAME_BYTES_MAX,
        backoff_max_s=0.01,
        on_change=lambda: None,
    )


PAYLOADS = [bytes([number]) * size for number, size in enumerate((10, 50_000, 20, 30_000, 1, 2))]


def push_all(sender: PeerSender) -> None:
    for payload in PAYLOADS:
        sender.push(EDGE, len(payload), encode_frame(payload))


@pytest.mark.parametrize("connected", [False, True])
async def test_frames_that_do_not_go_at_once_arrive_whole_and_in_order(connected: bool) -> None:
    peer = Peer()
    sender = sender_to(peer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        if connected:
            await wait_all_tasks_blocked()
        push_all(sender)
        with trio.fail_after(5):
            assert await read(await peer.connection(), len(PAYLOADS)) == PAYLOADS
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("first", ["push", "drop"])
async def test_what_is_cut_off_within_a_frame_is_sent_again_from_its_beginning(first: str) -> None:
    peer = Peer()
    sender = sender_to(peer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await peer.connection()
        await wait_all_tasks_blocked()
        peer.received = 1
        if first == "push":
            push_all(sender)
            await wait_all_tasks_blocked()
        sender.drop()
        if first == "drop":  # the connection does not know yet that it is over
            push_all(sender)
        with trio.fail_after(5):
            assert await read(await peer.connection(), len(PAYLOADS) - 1) == PAYLOADS[1:]
        nursery.cancel_scope.cancel()


async def test_a_frame_for_a_connection_that_is_gone_goes_over_the_next_one() -> None:
    peer = Peer()
    sender = sender_to(peer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        gone = await peer.connection()
        await wait_all_tasks_blocked()
        gone.socket.close()
        push_all(sender)  # writing raises what the writer must meet too
        with trio.fail_after(5):
            assert await read(await peer.connection(), len(PAYLOADS)) == PAYLOADS
        nursery.cancel_scope.cancel()
