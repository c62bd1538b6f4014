"""How a NATS server is talked to."""

import trio.testing

from wallarood.connectors.nats.server import Address, Connection


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
