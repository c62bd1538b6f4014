"""The control channel on real sockets: what one end sends, and how the other finds it closed."""

from functools import partial

import pytest
import trio
from support.echo_channels import KEY, LIMITS, serving, works
from support.patience import WAIT_S, patiently

from wallarood.model.ids import Address
from wallarood.net import websocket
from wallarood.net.control import dial_control, serve_control
from wallarood.net.listen import open_listeners, port_of
from wallarood.net.websocket import ControlChannel


async def test_a_message_over_the_limit_ends_its_connection_only() -> None:
    async with serving("control", KEY) as address:
        async with dial_control(address, key=KEY, limits=LIMITS) as channel:
            channel.send(bytes(LIMITS.message_bytes_max + 1))
            with pytest.raises(trio.EndOfChannel), patiently(10):
                await channel.receive()
        await works("control", address, KEY)


async def test_what_was_sent_before_closing_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there is time for it, which may take more than a second where others run."""
    monkeypatch.setattr(websocket, "FLUSH_S", WAIT_S)
    received: list[bytes] = []

    async def take(channel: ControlChannel) -> None:
        try:
            while True:
                received.append(await channel.receive())
        except trio.EndOfChannel:
            done.set()

    done = trio.Event()
    listeners = await open_listeners(Address("127.0.0.1", 0), "control")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_control, listeners, take, key=KEY, limits=LIMITS))
        address = Address("127.0.0.1", port_of(listeners))
        async with dial_control(address, key=KEY, limits=LIMITS) as channel:
            for number in range(200):
                channel.send(b"%d" % number)
            await channel.aclose()
        with patiently():
            await done.wait()
        nursery.cancel_scope.cancel()
    assert received == [b"%d" % number for number in range(200)]
