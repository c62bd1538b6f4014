"""Two ends of a data connection within one process, over a real socket."""

import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from wallarood.net.listen import unwrapped
from wallarood.net.tcp import DataChannel


@asynccontextmanager
async def data_channels(
    certified: str | None = None,
) -> AsyncIterator[tuple[DataChannel, DataChannel]]:
    """What two workers have of a connection between them; *certified* is who the other is."""
    ends = socket.socketpair()
    ours, theirs = [trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in ends]
    async with ours, theirs:
        yield DataChannel(ours, "beta:1", certified), DataChannel(theirs, "alpha:1", certified)


@asynccontextmanager
async def ended_with(channel: DataChannel) -> AsyncIterator[DataChannel]:
    """*channel* as one that was dialled: closed at the end."""
    try:
        yield channel
    finally:
        await channel.aclose()


@asynccontextmanager
async def that_may_break() -> AsyncIterator[None]:
    """What is done with a connection that was accepted: as a listener does, forgive it its end."""
    with contextlib.suppress(OSError, trio.BrokenResourceError):
        async with unwrapped():
            yield
