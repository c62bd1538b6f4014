"""The way in from one peer: frames become batches in inboxes, and taken batches become credit.

Theory of operation
===================
The reader never waits for a consumer: what a peer may send is bounded by its credit, so every
batch has a place in the inbox of its edge, and one slow stage does not hold up the others on the
same connection. Grants are cumulative, and sent when `LinkReceiver.due` says so. When bytes have
come, the peer is told every now and then that they have: so it knows that the connection lives,
also if it is slow, and dials again if it does not (see `wallarood.runtime.peers.sender`).
"""

from collections.abc import Callable, Mapping

import attrs
import structlog
import trio

from wallarood.flow.link import Delivery, LinkReceiver
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.waker import Waker
from wallarood.runtime.ports import DataChannel
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import (
    Alive,
    Data,
    Grant,
    LinkHello,
    MarkFrame,
    decode_peer,
    encode_peer,
)
from wallarood.wire.records.codec import RecordCodec

RECEIVE_BYTES_MAX = 256 << 10
ALIVE = encode_frame(encode_peer(Alive()))

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class PeerReceiver:
    """What comes from *peer*, over one connection after the other.

    `hello` is our half of the greeting, without what was received; `inbox` gives the target of an
    edge and `codecs` what its records are encoded with.
    """

    peer: WorkerName
    hello: LinkHello
    link: LinkReceiver
    inbox: Callable[[int], Inbox]
    codecs: Mapping[int, RecordCodec]
    alive_s: float = 1.0
    """How often the peer is told that bytes have come."""
    bytes_in: int = attrs.field(default=0, init=False)
    """What has come since the round began."""
    _due: Waker = attrs.field(factory=Waker, init=False)
    _connection: trio.CancelScope | None = attrs.field(default=None, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _alive_at: float = attrs.field(default=0.0, init=False)
    """When the peer is next told that bytes have come."""
    _say_alive: bool = attrs.field(default=False, init=False)

    async def serve(self, channel: DataChannel, frames: FrameDecoder, rest: list[bytes]) -> None:
        """Use *channel*, whose hello was accepted, until it ends; an older one is closed.

        *rest* are payloads that came with the hello.

        Raises RemoteProtocolError: the peer sent what it must not. Raises RecordCodecError: user
        code failed to make records again from what came.
        """
        self.drop()
        async with self._using:
            with trio.CancelScope() as self._connection:
                received = tuple(sorted(self.link.received.items()))
                hello = attrs.evolve(self.hello, received=received)
                await channel.send_all(encode_frame(encode_peer(hello)))
                self.link.reconnected()
                self._say_alive, self._alive_at = False, trio.current_time() + self.alive_s
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write_grants, channel)
                    await self._read(channel, frames, rest)
                    nursery.cancel_scope.cancel()

    def drop(self) -> None:
        """Close the connection, if there is one; the peer dials again."""
        if self._connection is not None:
            self._connection.cancel()

    async def _read(self, channel: DataChannel, frames: FrameDecoder, rest: list[bytes]) -> None:
        for payload in rest:
            self._take_in(payload)
        while data := await channel.receive_some(RECEIVE_BYTES_MAX):
            self.bytes_in += len(data)
            for payload in frames.feed(data):
                self._take_in(payload)
            if trio.current_time() >= self._alive_at:
                self._say_alive, self._alive_at = True, trio.current_time() + self.alive_s
                self._due.wake()

    def _take_in(self, payload: bytes) -> None:
        frame = decode_peer(payload)
        if isinstance(frame, Alive):
            return
        if not isinstance(frame, Data | MarkFrame):
            raise RemoteProtocolError(f"expected records or a mark, found {frame!r:.200}")
        if frame.round != self.hello.round:
            return
        codec = self.codecs.get(frame.edge)
        if codec is None:
            raise RemoteProtocolError(f"edge {frame.edge} does not lead here")
        # What cannot be decoded has not been received: it is decoded before it is counted.
        batch, cost = None, 0
        if isinstance(frame, Data):
            batch, cost = codec.decode(frame.payload), len(payload)
            batch.trace = frame.trace or None
        if self.link.receive(frame.edge, frame.sequence, cost) is Delivery.REPEAT:
            return
        inbox = self.inbox(frame.edge)
        source = (frame.edge, self.peer)

        def taken() -> None:
            self.link.taken(frame.edge, frame.sequence)
            if self.link.due:
                self._due.wake()

        if batch is not None:
            inbox.put_nowait(source, batch, taken)
        elif isinstance(frame, MarkFrame):
            inbox.mark_nowait(source, frame.mark, taken)

    async def _write_grants(self, channel: DataChannel) -> None:
        while True:
            if not self.link.due and not self._say_alive:
                await self._due.wait()
            parts = [encode_frame(encode_peer(Grant(*g))) for g in self.link.grants().items()]
            if self._say_alive:
                self._say_alive = False
                parts.append(ALIVE)
            if parts:
                await channel.send_all(b"".join(parts))
