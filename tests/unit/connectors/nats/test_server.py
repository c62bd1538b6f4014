"""How a NATS server is talked to."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio.testing
from support.patience import patiently
from support.ports import free_port

import wallarood as w
from wallarood.connectors.nats.server import Address, Connection
from wallarood.model.errors import ConfigurationError, PeersGoneError


async def test_no_connection_has_the_inbox_of_an_earlier_one() -> None:
    heard = set()
    for _ in range(50):
        ours, server = trio.testing.memory_stream_pair()
        connection = Connection(Address("nats://127.0.0.1"), ours, urlsplit("nats://127.0.0.1"))
        await server.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\nPONG\r\n')
        await connection.begin("", None)
        heard.add(bytes(await server.receive_some()).partition(b"SUB ")[2].partition(b" ")[0])
        await connection.aclose()
        del connection, ours
    assert len(heard) == 50


async def test_a_handshake_that_is_cut_short_is_no_fault_of_the_configuration() -> None:
    ours, server = trio.testing.memory_stream_pair()
    connection = Connection(Address("tls://127.0.0.1"), ours, urlsplit("tls://127.0.0.1"))
    await server.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
    await server.send_eof()
    with pytest.raises(PeersGoneError, match="connection lost"):
        await connection.begin("", None)


async def test_what_is_not_tls_is_a_fault_of_the_configuration() -> None:
    ours, server = trio.testing.memory_stream_pair()
    connection = Connection(Address("tls://127.0.0.1"), ours, urlsplit("tls://127.0.0.1"))

    async def answer() -> None:
        await server.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
        await server.receive_some()
        await server.send_all(b"-ERR 'no'\r\n" * 9)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        with pytest.raises(ConfigurationError, match="TLS failed"):
            await connection.begin("", None)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Authentication Timeout", PeersGoneError),
        ("Authorization Violation", ConfigurationError),
        ("User Authentication Expired", ConfigurationError),
        ("Server Shutdown", PeersGoneError),
    ],
)
def test_only_what_lasts_is_a_fault_of_the_configuration(said: str, kind: type) -> None:
    assert type(Address("nats://127.0.0.1").what(said)) is kind


async def greet(stream: trio.abc.Stream) -> None:
    """A server that lets everybody in."""
    await stream.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
    await stream.receive_some()
    await stream.send_all(b"PONG\r\n")
    await stream.receive_some()


@asynccontextmanager
async def listening(*servers: Callable[[trio.SocketStream], Awaitable[object]]) -> Any:
    """The ports of servers."""
    async with trio.open_nursery() as nursery:
        ports = []
        for each in servers:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, each, listeners)
            ports.append(listeners[0].socket.getsockname()[1])
        yield ports
        nursery.cancel_scope.cancel()


async def test_the_next_server_of_a_cluster_is_tried_and_stays_the_first() -> None:
    met: list[str] = []

    async def full(stream: trio.SocketStream) -> None:
        met.append("full")
        await stream.aclose()

    async def good(stream: trio.SocketStream) -> None:
        met.append("good")
        await greet(stream)

    nobody = free_port()
    async with listening(full, good) as (first, second):
        urls = [f"nats://127.0.0.1:{port}" for port in (nobody, first, second)]
        address = Address(",".join(urls))
        with patiently(20):
            for _ in range(2):
                connection = await address.connected()
                assert connection.where == f"NATS at 127.0.0.1:{second}"
                await connection.aclose()
    assert met == ["full", "good", "good"]
    assert str(address) == f"NATS at 127.0.0.1:{nobody}, 127.0.0.1:{first}, 127.0.0.1:{second}"


async def test_each_server_of_a_cluster_that_is_away_is_named() -> None:
    ports = [free_port(), free_port()]
    address = Address(", ".join(f"nats://me:geheim@127.0.0.1:{port}" for port in ports))
    address.check("NatsSink")
    with patiently(20), pytest.raises(PeersGoneError) as caught:
        await address.connected()
    for port in ports:
        assert f"NATS at 127.0.0.1:{port} cannot be reached" in caught.value.message
    assert "geheim" not in caught.value.message + repr(address)


@pytest.mark.parametrize("url", ["nats://a,", "nats://a,http://b", "nats://a,b:4222"])
def test_each_url_of_a_cluster_is_checked(url: str) -> None:
    with pytest.raises(w.ApplicationError, match="or several of them with commas between"):
        Address(url).check("NatsSink")
