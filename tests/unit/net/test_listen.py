"""Both channels on real sockets: keys, strangers, silence, and messages."""

from contextlib import AsyncExitStack, suppress

import pytest
import trio
from support.echo_channels import KEY, KINDS, LIMITS, NONE, OTHER, STRICT, serving, works
from support.patience import patiently

from wallarood.model.errors import CannotCreateError, KeyRefusedError, RemoteProtocolError
from wallarood.model.ids import Address
from wallarood.net.auth import HELLO_BYTES, ClusterKey
from wallarood.net.control import dial_control
from wallarood.net.listen import open_listeners, port_of
from wallarood.net.tcp import dial_data


@KINDS
@pytest.mark.parametrize("key", [NONE, KEY], ids=["no key", "a key"])
async def test_peers_with_the_same_key_talk(kind: str, key: ClusterKey) -> None:
    async with serving(kind, key) as address:
        await works(kind, address, key)


@KINDS
@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        (KEY, OTHER, "another cluster key"),
        (KEY, NONE, "the peer has none"),
        (NONE, KEY, "this worker has none"),
    ],
)
async def test_peers_with_other_keys_do_not(
    kind: str,
    mine: ClusterKey,
    theirs: ClusterKey,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dial = dial_control if kind == "control" else dial_data
    async with serving(kind, theirs) as address:
        with pytest.raises(KeyRefusedError, match=message):
            async with dial(address, key=mine, limits=LIMITS):
                pass
        await works(kind, address, theirs)
    assert "cluster key" in capsys.readouterr().out


@KINDS
async def test_a_channel_of_the_other_kind_is_refused(kind: str) -> None:
    other = dial_data if kind == "control" else dial_control
    async with serving(kind, KEY) as address:
        with pytest.raises((RemoteProtocolError, OSError)):
            async with other(address, key=KEY, limits=LIMITS):
                pass
        await works(kind, address, KEY)


@KINDS
@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(HELLO_BYTES), b"wallarood/2 control " + bytes(40)],
    ids=["nothing", "http", "zeros", "another version"],
)
async def test_a_stranger_is_dropped_and_peers_go_on(
    kind: str, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(kind, KEY, STRICT) as address:
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            if data:
                await stream.send_all(data)
            with patiently(10), suppress(trio.BrokenResourceError):
                assert await stream.receive_some(1000) in (b"",)
        await works(kind, address, KEY)
    assert capsys.readouterr().out.count("connection dropped") == 1


@KINDS
async def test_connections_that_never_speak_keep_no_peer_out(kind: str) -> None:
    async with serving(kind, KEY) as address, AsyncExitStack() as stack:
        for _ in range(200):
            stream = await trio.open_tcp_stream(address.host, address.port)
            await stack.enter_async_context(stream)
        await works(kind, address, KEY)


async def test_an_address_in_use_or_of_another_host_is_a_clear_error() -> None:
    listeners = await open_listeners(Address("127.0.0.1", 0), "control")
    taken = Address("127.0.0.1", port_of(listeners))
    for address in (taken, Address("192.0.2.1", 1)):
        with pytest.raises(CannotCreateError, match=f"cannot listen on {address}"):
            await open_listeners(address, "control")
    for each in listeners:
        await each.aclose()
