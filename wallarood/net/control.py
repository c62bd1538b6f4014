"""The control channel: websockets behind the handshake of both channels."""
# What speaks as a websocket is imported with the first connection: a cluster of one has none.

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from wallarood.model.ids import Address
from wallarood.net.auth import ClusterKey
from wallarood.net.listen import Guard, NetLimits, dial, name_of, serve, unwrapped

if TYPE_CHECKING:
    from wallarood.net.websocket import ControlChannel

CHANNEL = b"control"


def load_websocket() -> None:
    """Import what the first connection would have to wait for."""
    import wallarood.net.websocket  # noqa: F401, PLC0415


async def serve_control(
    listeners: list[trio.SocketListener],
    handler: "Callable[[ControlChannel], Awaitable[None]]",
    *,
    key: ClusterKey,
    limits: NetLimits,
) -> None:
    """Call *handler* with each connection that passes the handshake, until cancelled."""
    guard = Guard(CHANNEL, key, limits)

    async def handle(stream: trio.SocketStream) -> None:
        from wallarood.net.websocket import accepted  # noqa: PLC0415

        used = await guard.admit(stream)
        async with accepted(used, name_of(stream), limits) as channel:
            await handler(channel)

    await serve(listeners, handle, CHANNEL)


@asynccontextmanager
async def dial_control(
    address: Address, *, key: ClusterKey, limits: NetLimits
) -> "AsyncIterator[ControlChannel]":
    """Connect to the control address of a peer. Raises as `wallarood.net.listen.dial`."""
    from wallarood.net.websocket import dialled  # noqa: PLC0415

    async with (
        unwrapped(),
        dial(address, Guard(CHANNEL, key, limits)) as stream,
        dialled(stream, address, limits) as channel,
    ):
        yield channel
