"""The control channel: a websocket on an authenticated stream.

One task writes, fed by a bounded queue, and no cancel scope is ever around its send: a send of
trio-websocket that is cancelled half-way leaves a link on which later messages may be mixed up.
Closing waits for the queue, then closes the stream underneath, which ends a send that hangs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address
from wallarood.net.auth import ClusterKey
from wallarood.net.listen import Guard, NetLimits, dial, name_of, serve, unwrapped
from wallarood.net.tls import Stream, certified_name, socket_of

CHANNEL = b"control"
FLUSH_S = 1.0
RESOURCE = "/control"


@attrs.define(eq=False)
class ControlChannel:
    """Messages to and from one peer."""

    peer: str
    certified: str | None
    """The worker that the peer's certificate names; None without TLS."""
    _websocket: WebSocketConnection
    _stream: Stream
    _queue: trio.MemorySendChannel[bytes]
    _waiting: trio.MemoryReceiveChannel[bytes]
    _written: trio.Event = attrs.field(factory=trio.Event, init=False)

    def send(self, data: bytes) -> None:
        """Queue a message. A peer that lets the queue fill up loses the connection."""
        try:
            self._queue.send_nowait(data)
        except trio.WouldBlock:
            socket_of(self._stream).close()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def receive(self) -> bytes:
        """Wait for a message.

        Raises trio.EndOfChannel: the connection is closed. Raises RemoteProtocolError: the message
        is text.
        """
        try:
            message = await self._websocket.get_message()
        except ConnectionClosed as error:
            raise trio.EndOfChannel("the connection is closed") from error
        if not isinstance(message, bytes):
            raise RemoteProtocolError("a text message on the control channel")
        return message

    async def aclose(self) -> None:
        """Send what is queued, then close; takes at most two seconds."""
        self._queue.close()
        with trio.move_on_after(FLUSH_S):
            await self._written.wait()
            await self._websocket.aclose()
        await trio.aclose_forcefully(self._stream)

    async def write(self) -> None:
        """Send what is queued until the queue is closed. Run once, by who opens the channel."""
        try:
            async for message in self._waiting:
                await self._websocket.send_message(message)
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            self._waiting.close()
        finally:
            self._written.set()


def _channel(
    peer: str, websocket: WebSocketConnection, stream: Stream, *, limits: NetLimits
) -> ControlChannel:
    queue, waiting = trio.open_memory_channel[bytes](limits.queue_messages_max)
    return ControlChannel(peer, certified_name(stream), websocket, stream, queue, waiting)


async def serve_control(
    listeners: list[trio.SocketListener],
    handler: Callable[[ControlChannel], Awaitable[None]],
    *,
    key: ClusterKey,
    limits: NetLimits,
) -> None:
    """Call *handler* with each connection that passes the handshake, until cancelled."""
    guard = Guard(CHANNEL, key, limits)

    async def handle(stream: trio.SocketStream) -> None:
        used = await guard.admit(stream)
        async with trio.open_nursery() as nursery:
            with trio.fail_after(limits.handshake_deadline_s):
                request = await wrap_server_stream(
                    nursery, used, max_message_size=limits.message_bytes_max
                )
                websocket = await request.accept()
            channel = _channel(name_of(stream), websocket, used, limits=limits)
            nursery.start_soon(channel.write)
            await handler(channel)
            nursery.cancel_scope.cancel()

    await serve(listeners, handle, CHANNEL)


@asynccontextmanager
async def dial_control(
    address: Address, *, key: ClusterKey, limits: NetLimits
) -> AsyncIterator[ControlChannel]:
    """Connect to the control address of a peer. Raises as `wallarood.net.listen.dial`."""
    async with (
        unwrapped(),
        dial(address, Guard(CHANNEL, key, limits)) as stream,
        trio.open_nursery() as nursery,
    ):
        with trio.fail_after(limits.handshake_deadline_s):
            websocket = await wrap_client_stream(
                nursery, stream, address.host, RESOURCE, max_message_size=limits.message_bytes_max
            )
        channel = _channel(str(address), websocket, stream, limits=limits)
        nursery.start_soon(channel.write)
        yield channel
        nursery.cancel_scope.cancel()
