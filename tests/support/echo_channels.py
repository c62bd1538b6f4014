"""Servers of both channels that send back what comes, and clients that try them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio

from support.patience import patiently
from wallarood.model.ids import Address
from wallarood.net.auth import ClusterKey
from wallarood.net.control import dial_control, serve_control
from wallarood.net.listen import NetLimits, open_listeners, port_of
from wallarood.net.tcp import DataChannel, dial_data, serve_data
from wallarood.net.websocket import ControlChannel

KEY = ClusterKey(b"k" * 32)
OTHER = ClusterKey(b"o" * 32)
NONE = ClusterKey()
LIMITS = NetLimits(handshake_deadline_s=20.0, unauthenticated_connections_max=16)
STRICT = attrs.evolve(LIMITS, handshake_deadline_s=2.0)
"""Where a deadline is waited for."""


async def echo_control(channel: ControlChannel) -> None:
    try:
        while True:
            channel.send(await channel.receive())
    finally:
        with trio.CancelScope(shield=True):
            await channel.aclose()


async def echo_data(channel: DataChannel) -> None:
    while data := await channel.receive_some(4096):
        await channel.send_all(data)


@asynccontextmanager
async def serving(kind: str, key: ClusterKey, limits: NetLimits = LIMITS) -> AsyncIterator[Address]:
    listeners = await open_listeners(Address("127.0.0.1", 0), "control")
    serve = {
        "control": partial(serve_control, listeners, echo_control),
        "data": partial(serve_data, listeners, echo_data),
    }[kind]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve, key=key, limits=limits))
        yield Address("127.0.0.1", port_of(listeners))
        nursery.cancel_scope.cancel()


async def works(kind: str, address: Address, key: ClusterKey) -> None:
    """A peer gets its bytes back."""
    with patiently(10):
        if kind == "control":
            async with dial_control(address, key=key, limits=LIMITS) as channel:
                channel.send(b"x" * 100_000)
                assert await channel.receive() == b"x" * 100_000
        else:
            async with dial_data(address, key=key, limits=LIMITS) as stream:
                await stream.send_all(b"hello")
                assert await stream.receive_some(10) == b"hello"


KINDS = pytest.mark.parametrize("kind", ["control", "data"])
