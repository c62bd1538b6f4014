"""A websocket on an authenticated stream: what the control channel is made of.

This is the only module that knows trio-websocket: it is imported with the first connection, and
errors of the library do not leave it.

One task writes, fed by a bounded queue, and no cancel scope is ever around its send: a send of
trio-websocket that is cancelled half-way leaves a link on which later messages may be mixed up.
Closing waits for the queue, then closes the stream underneath, which ends a send that hangs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)

from wallarood.model.errors import RemoteProtocolError, first_error
from wallarood.model.ids import Address
from wallarood.net.listen import NetLimits
from wallarood.net.tls import Stream, certified_name, socket_of

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
        """Send what is queued, as far as that goes within `FLUSH_S`, then close."""
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


def accepted(
    stream: Stream, peer: str, limits: NetLimits
) -> AbstractAsyncContextManager[ControlChannel]:
    """The channel to *peer*, which has connected and passed the handshake.

    Raises trio.EndOfChannel or RemoteProtocolError: it does not speak as a websocket.
    """

    async def websocket(nursery: trio.Nursery) -> WebSocketConnection:
        request = await wrap_server_stream(
            nursery, stream, max_message_size=limits.message_bytes_max
        )
        return await request.accept()

    return _open(websocket, stream, peer, limits=limits)


def dialled(
    stream: Stream, address: Address, limits: NetLimits
) -> AbstractAsyncContextManager[ControlChannel]:
    """The channel to the peer at *address*, after the handshake. Raises as `accepted`."""

    async def websocket(nursery: trio.Nursery) -> WebSocketConnection:
        return await wrap_client_stream(
            nursery, stream, address.host, RESOURCE, max_message_size=limits.message_bytes_max
        )

    return _open(websocket, stream, str(address), limits=limits)


@asynccontextmanager
async def _open(
    make: Callable[[trio.Nursery], Awaitable[WebSocketConnection]],
    stream: Stream,
    peer: str,
    *,
    limits: NetLimits,
) -> AsyncIterator[ControlChannel]:
    async with _own_errors(), trio.open_nursery() as nursery:
        with trio.fail_after(limits.handshake_deadline_s):
            websocket = await make(nursery)
        queue, waiting = trio.open_memory_channel[bytes](limits.queue_messages_max)
        channel = ControlChannel(peer, certified_name(stream), websocket, stream, queue, waiting)
        nursery.start_soon(channel.write)
        yield channel
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _own_errors() -> AsyncIterator[None]:
    """Raise errors of ours in the place of the library's, which its reader raises, too."""
    try:
        yield
    except* ConnectionClosed as group:
        raise trio.EndOfChannel("the connection is closed") from group
    except* HandshakeError as group:
        reason = str(first_error(group)) or "the handshake failed"
        raise RemoteProtocolError(f"no websocket: {reason}") from group
