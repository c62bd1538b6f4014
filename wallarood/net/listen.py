"""Listening and dialling for both channels: deadlines, bounds, and errors that stay in their task.

Connections that have not passed the handshake are limited: above the limit the oldest is
dropped, so that connections that never speak cannot keep a peer out.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import structlog
import trio

from wallarood.model.errors import (
    CannotCreateError,
    KeyRefusedError,
    RemoteProtocolError,
    first_error,
)
from wallarood.model.ids import Address
from wallarood.net.auth import ClusterKey, authenticate_client, authenticate_server, refuse_plain
from wallarood.net.tls import Stream, refused_by_tls
from wallarood.systemd import listeners

GONE_S = 30
"""When nothing that was sent has been acknowledged for so long, the other end is gone."""

log = structlog.get_logger(__name__)

CONNECTION_ERRORS = (
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.EndOfChannel,
    trio.TooSlowError,
    RemoteProtocolError,
    KeyRefusedError,
)


@attrs.define
class NetLimits:
    """Bounds on connections and their handshakes."""

    handshake_deadline_s: float = 5.0
    unauthenticated_connections_max: int = 64
    message_bytes_max: int = 16 << 20
    queue_messages_max: int = 1024


@attrs.define(eq=False)
class Guard:
    """What one kind of listener needs to know: its channel, the key, the limits."""

    channel: bytes
    key: ClusterKey
    limits: NetLimits
    _silent: dict[int, trio.CancelScope] = attrs.field(factory=dict, init=False)

    async def admit(self, stream: trio.SocketStream) -> Stream:
        """Pass the handshake as the server; returns the stream to use.

        Raises trio.TooSlowError: too slow, or dropped. Raises KeyRefusedError: the peer does not
        belong to the cluster.
        """
        used: Stream = self.key.tls.server(stream) if self.key.tls is not None else stream
        if len(self._silent) >= self.limits.unauthenticated_connections_max:
            next(iter(self._silent.values())).cancel()
        with trio.move_on_after(self.limits.handshake_deadline_s) as scope:
            self._silent[id(scope)] = scope
            try:
                async with _tls_errors():
                    if self.key.tls is not None:
                        await refuse_plain(stream)
                    await authenticate_server(used, self.key, self.channel)
            finally:
                del self._silent[id(scope)]
        if scope.cancelled_caught:
            raise trio.TooSlowError("it did not finish the handshake in time")
        return used

    async def greet(self, stream: trio.SocketStream) -> Stream:
        """Pass the handshake as the client; returns the stream to use. Raises as `admit`."""
        used: Stream = self.key.tls.client(stream) if self.key.tls is not None else stream
        with trio.fail_after(self.limits.handshake_deadline_s):
            async with _tls_errors():
                await authenticate_client(used, self.key, self.channel)
        return used


@asynccontextmanager
async def _tls_errors() -> AsyncIterator[None]:
    """What TLS refuses is the peer's key; a connection that breaks is only that."""
    try:
        yield
    except trio.BrokenResourceError as error:
        raise refused_by_tls(error) or error from error


def name_of(stream: trio.SocketStream) -> str:
    """The address of the other end, for messages."""
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "a closed connection"
    return str(Address(host, port))


@asynccontextmanager
async def unwrapped() -> AsyncIterator[None]:
    """Raise one connection error in the place of the groups that nurseries make of several."""
    try:
        yield
    except BaseExceptionGroup as group:
        _, rest = group.split(CONNECTION_ERRORS)
        if rest is not None:
            raise
        raise first_error(group) from None


async def serve(
    opened: list[trio.SocketListener],
    handle: Callable[[trio.SocketStream], Awaitable[None]],
    channel: bytes,
) -> None:
    """Call *handle* for each connection, until cancelled; its connection errors are logged."""

    async def one(stream: trio.SocketStream) -> None:
        # Without the port: it is another at every try, and each try would be news.
        name = name_of(stream)
        peer = name.rpartition(":")[0] or name
        try:
            async with unwrapped(), stream:
                keep_alive(stream)
                await handle(stream)
        except trio.EndOfChannel as error:
            log.debug("connection closed", channel=channel.decode(), peer=peer, reason=str(error))
        except CONNECTION_ERRORS as error:
            reason = str(error) or type(error).__name__
            log.warning("connection dropped", channel=channel.decode(), peer=peer, reason=reason)

    await trio.serve_listeners(one, opened)


@asynccontextmanager
async def dial(address: Address, guard: Guard) -> AsyncIterator[Stream]:
    """Connect to *address* and pass the handshake.

    Raises OSError: no process listens there. Raises what `Guard.greet` raises.
    """
    with trio.fail_after(guard.limits.handshake_deadline_s):
        stream = await trio.open_tcp_stream(address.host, address.port)
    async with stream:
        keep_alive(stream)
        yield await guard.greet(stream)


def keep_alive(stream: trio.SocketStream) -> None:
    """Have the kernel find out when the other end is gone, idle or not, within `GONE_S`."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, GONE_S // 3)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, GONE_S // 6)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_S * 1000)


async def open_listeners(address: Address, name: str) -> list[trio.SocketListener]:
    """Listen on *address*, with what is held as *name* if that is there; port 0 takes a free one.

    Raises CannotCreateError: the address is in use, not of this host, or not allowed.
    """
    there = listeners.held(name, address.host, address.port)
    if there:
        wrap = trio.socket.from_stdlib_socket
        return [trio.SocketListener(wrap(each)) for each in there]
    try:
        opened = [
            each
            for host in await _addresses_of(address)
            for each in await trio.open_tcp_listeners(address.port, host=host)
        ]
        listeners.hold(name, [each.socket for each in opened])
        return opened
    except OSError as error:
        raise CannotCreateError(
            f"cannot listen on {address}: {error.strerror or error}; is another worker running "
            "there? (listen.control, listen.data)"
        ) from error


async def _addresses_of(address: Address) -> list[str]:
    """The addresses that a host name means, each once, though /etc/hosts may say it twice."""
    found = await trio.socket.getaddrinfo(
        address.host, address.port, type=trio.socket.SOCK_STREAM, flags=trio.socket.AI_PASSIVE
    )
    return list(dict.fromkeys(str(target[0]) for *_, target in found))


def port_of(opened: list[trio.SocketListener]) -> int:
    """The port that listeners are bound to."""
    port: int = opened[0].socket.getsockname()[1]
    return port
