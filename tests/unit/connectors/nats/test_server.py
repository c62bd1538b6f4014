"""How a NATS server is talked to."""

import pytest
import trio.testing

from wallarood.connectors.nats.server import Address, Connection
from wallarood.model.errors import ConfigurationError, PeersGoneError


async def test_no_connection_has_the_inbox_of_an_earlier_one() -> None:
    heard = set()
    for _ in range(50):
        ours, server = trio.testing.memory_stream_pair()
        connection = Connection(Address("nats://127.0.0.1"), ours)
        await server.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\nPONG\r\n')
        await connection.begin("", None)
        heard.add(bytes(await server.receive_some()).partition(b"SUB ")[2].partition(b" ")[0])
        await connection.aclose()
        del connection, ours
    assert len(heard) == 50


async def test_a_handshake_that_is_cut_short_is_no_fault_of_the_configuration() -> None:
    ours, server = trio.testing.memory_stream_pair()
    connection = Connection(Address("tls://127.0.0.1"), ours)
    await server.send_all(b'INFO {"version":"2.12.0","jetstream":true}\r\n')
    await server.send_eof()
    with pytest.raises(PeersGoneError, match="connection lost"):
        await connection.begin("", None)


async def test_what_is_not_tls_is_a_fault_of_the_configuration() -> None:
    ours, server = trio.testing.memory_stream_pair()
    connection = Connection(Address("tls://127.0.0.1"), ours)

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
