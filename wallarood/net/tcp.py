"""The data channel: an authenticated TCP stream.

Without TLS its socket is read and written here without the detours of a stream, which cost as much
as a small batch: a second attempt to read when nothing more is there, and a turn of the scheduler
after every success.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio

from wallarood.model.ids import Address
from wallarood.net.auth import ClusterKey
from wallarood.net.listen import Guard, NetLimits, dial, name_of, serve
from wallarood.net.tls import Stream, certified_name

CHANNEL = b"data"


@attrs.frozen(eq=False)
class DataChannel:
    """Bytes to and from one peer."""

    stream: Stream
    peer: str
    certified: str | None = None
    """The worker that the peer's certificate names; None without TLS."""

    async def send_all(self, data: bytes) -> None:
        """Send all of *data*."""
        await self.stream.send_all(data)

    def send_nowait(self, data: bytes) -> int:
        """Send what goes without waiting, and return how many bytes went; none under TLS.

        Raises OSError: the connection is broken.
        """
        if not isinstance(self.stream, trio.SocketStream):
            return 0
        try:
            return os.write(self.stream.socket.fileno(), data)
        except BlockingIOError:
            return 0

    async def receive_some(self, bytes_max: int) -> bytes:
        """Wait for bytes; empty at the end. Raises OSError: the connection is broken."""
        if not isinstance(self.stream, trio.SocketStream):
            return bytes(await self.stream.receive_some(bytes_max))
        while True:
            await trio.lowlevel.wait_readable(self.stream.socket)
            with contextlib.suppress(BlockingIOError):
                return os.read(self.stream.socket.fileno(), bytes_max)

    async def aclose(self) -> None:
        """Close the connection."""
        await trio.aclose_forcefully(self.stream)


async def serve_data(
    listeners: list[trio.SocketListener],
    handler: Callable[[DataChannel], Awaitable[None]],
    *,
    key: ClusterKey,
    limits: NetLimits,
) -> None:
    """Call *handler* with each connection that passes the handshake, until cancelled."""
    guard = Guard(CHANNEL, key, limits)

    async def handle(stream: trio.SocketStream) -> None:
        used = await guard.admit(stream)
        await handler(DataChannel(used, name_of(stream), certified_name(used)))

    await serve(listeners, handle, CHANNEL)


@asynccontextmanager
async def dial_data(
    address: Address, *, key: ClusterKey, limits: NetLimits
) -> AsyncIterator[DataChannel]:
    """Connect to the data address of a peer. Raises as `wallarood.net.listen.dial`."""
    async with dial(address, Guard(CHANNEL, key, limits)) as stream:
        yield DataChannel(stream, str(address), certified_name(stream))
