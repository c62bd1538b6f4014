"""The sender of a link on a real socket that takes less at once than a frame has."""

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from support.patience import patiently
from trio.testing import wait_all_tasks_blocked

from wallarood.flow.link import LinkSender
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.ids import Address, Incarnation
from wallarood.net.tcp import DataChannel
from wallarood.runtime.peers.sender import FRAME_BYTES_WANTED, PeerSender, RemotePort
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import Alive, Data, LinkHello, decode_peer, encode_peer
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule

FRAME_BYTES_MAX = 1 << 20
EDGE = 1


def hello_of(worker: str, received: int = 0, *, traces: bool = False) -> LinkHello:
    return LinkHello("wc-1", worker, Incarnation(1, "x"), 0, ((EDGE, received),), traces)


class Peer:
    """The other end: each dial gives it a new socket; it greets, and reads when it is told to."""

    def __init__(self) -> None:
        self.received = 0
        self.traces = False
        self._dialled, self._connections = trio.open_memory_channel[trio.SocketStream](8)

    @contextlib.asynccontextmanager
    async def dial(self, _address: Address) -> AsyncIterator[DataChannel]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for each in (ours, theirs):
                each.setblocking(False)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
            said = hello_of("beta", self.received, traces=self.traces)
            hello = encode_frame(encode_peer(said))
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
        with patiently(5):
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
        with patiently(5):
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
        with patiently(5):
            assert await read(await peer.connection(), len(PAYLOADS)) == PAYLOADS
        nursery.cancel_scope.cancel()


CODEC = RecordCodec.for_types(bytes, rule=PickleRule.FORBIDDEN)


async def sent(
    batches: list[Batch], *, frame_bytes_max: int = FRAME_BYTES_MAX, knows_traces: bool = True
) -> list[Data]:
    """What a port to a peer makes of *batches*."""
    peer = Peer()
    sender = sender_to(peer)
    sender.frame_bytes_max, sender.knows_traces = frame_bytes_max, knows_traces
    sender.link = LinkSender(1 << 30)  # its credit is not what is looked at here
    port = RemotePort(sender, EDGE, CODEC)
    for each in batches:
        await port.send(each)
    frames = FrameDecoder(frame_bytes_max)
    found = []
    while (frame := sender.link.next_unsent()) is not None:
        found += [decode_peer(payload) for payload in frames.feed(frame)]
    assert all(isinstance(each, Data) for each in found)
    return [each for each in found if isinstance(each, Data)]


@pytest.mark.parametrize("frame_bytes_max", [4096, FRAME_BYTES_MAX])
@pytest.mark.parametrize("size", [0, 10, 700, 5_000, 200_000])
async def test_records_of_any_size_arrive_in_their_order_in_frames_within_the_limit(
    size: int, frame_bytes_max: int
) -> None:
    if size * 2 > frame_bytes_max:
        size = frame_bytes_max // 2
    sizes = [0, size, 3, *[size] * 400, 1, size]
    records = [number.to_bytes(4, "big") + bytes(each) for number, each in enumerate(sizes)]
    batches = [Batch(records[:300]), Batch(records[300:])]
    frames = await sent(batches, frame_bytes_max=frame_bytes_max)
    found = [CODEC.decode(each.payload) for each in frames]
    assert [record for batch in found for record in batch.values] == records
    assert [len(batch) for batch in found] == [frame.records for frame in frames]


async def test_a_batch_of_large_records_is_encoded_in_frames_of_a_wanted_size() -> None:
    batches = [Batch([bytes(10_000)] * 48) for _ in range(8)]
    frames = await sent(batches)
    assert len(frames[0].payload) > FRAME_BYTES_WANTED  # nobody knew
    assert all(len(frame.payload) <= FRAME_BYTES_WANTED for frame in frames[1:])
    assert len(frames) == 1 + 7 * 2


async def test_a_record_larger_than_a_frame_is_an_error_that_says_so() -> None:
    with pytest.raises(ApplicationError, match=r"record of 5,00\d bytes.*to beta: at most 4,096"):
        await sent([Batch([b"a", bytes(5000), b"b"])], frame_bytes_max=4096)


ALIVE = encode_frame(encode_peer(Alive()))


async def test_a_connection_that_is_dead_and_nobody_says_so_is_made_anew() -> None:
    """A middlebox has forgotten it: what is sent is swallowed, and nothing comes back."""
    peer = Peer()
    sender = sender_to(peer)
    sender.probe_s, sender.silent_max = 0.02, 3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await peer.connection()
        push_all(sender)
        with patiently(5):
            assert await read(await peer.connection(), len(PAYLOADS)) == PAYLOADS
        nursery.cancel_scope.cancel()


async def test_a_connection_that_gives_signs_of_life_stays_however_slow_it_is() -> None:
    peer = Peer()
    sender = sender_to(peer)
    sender.probe_s, sender.silent_max = 0.02, 3
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        slow = await peer.connection()
        frames = FrameDecoder(FRAME_BYTES_MAX)
        questions = 0
        with patiently(20):
            while questions < 4 * sender.silent_max:
                found = [decode_peer(each) for each in frames.feed(await slow.receive_some(100))]
                questions += sum(isinstance(each, Alive) for each in found)
                await slow.send_all(ALIVE)
        push_all(sender)
        with patiently(20):
            received = 0
            while received < sum(map(len, PAYLOADS)):
                received += len(await slow.receive_some(2000))
                await slow.send_all(ALIVE)
        with pytest.raises(trio.TooSlowError), trio.fail_after(0.01):
            await peer.connection()
        nursery.cancel_scope.cancel()


TRACE = bytes(range(24))


async def test_a_trace_goes_with_the_first_frame_of_a_batch_to_a_peer_that_knows_it() -> None:
    traced = Batch([bytes(300_000)] * 3, trace=TRACE)
    frames = await sent([traced, Batch([b"other"])])
    assert [frame.trace for frame in frames] == [TRACE, b"", b"", b""]
    frames = await sent([traced], knows_traces=False)
    assert {frame.trace for frame in frames} == {b""}


async def test_a_record_that_fits_into_a_frame_just_so_fits_when_its_batch_is_traced() -> None:
    overhead = len(CODEC.encode(Batch([bytes(1000)]))) + 21 - 1000
    record = bytes(4096 - overhead)
    for trace in (None, TRACE):
        (frame,) = await sent([Batch([record], trace=trace)], frame_bytes_max=4096)
        assert len(encode_peer(frame)) == 4096


async def test_what_a_peer_knows_is_what_its_hello_says() -> None:
    peer = Peer()
    sender = sender_to(peer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        await peer.connection()
        await wait_all_tasks_blocked()
        assert not sender.knows_traces
        peer.traces = True
        sender.drop()
        await peer.connection()
        await wait_all_tasks_blocked()
        assert sender.knows_traces
        nursery.cancel_scope.cancel()
