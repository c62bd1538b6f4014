"""A websocket on a stream: errors of the library do not leave the module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.echo_channels import LIMITS

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address
from wallarood.net.websocket import accepted, dialled

NOWHERE = Address("127.0.0.1", 1)


@asynccontextmanager
async def sockets() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """Two ends of a connection."""
    one, other = map(trio.SocketStream, trio.socket.socketpair())
    async with one, other:
        yield one, other


async def test_what_one_end_sends_the_other_receives_until_it_is_closed() -> None:
    async with sockets() as (client, server):

        async def serve() -> None:
            async with accepted(server, "client", LIMITS) as channel:
                assert channel.peer == "client"
                channel.send(await channel.receive())
                await channel.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            async with dialled(client, NOWHERE, LIMITS) as channel:
                channel.send(b"hello")
                assert await channel.receive() == b"hello"
                with pytest.raises(trio.EndOfChannel):
                    await channel.receive()


async def test_a_text_is_against_the_protocol() -> None:
    async with sockets() as (client, server):

        async def serve() -> None:
            async with accepted(server, "client", LIMITS) as channel:
                await channel._websocket.send_message("text")
                await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            async with dialled(client, NOWHERE, LIMITS) as channel:
                with pytest.raises(RemoteProtocolError, match="a text message"):
                    await channel.receive()
                nursery.cancel_scope.cancel()


async def test_a_server_that_speaks_another_protocol_is_a_peer_that_is_wrong() -> None:
    async with sockets() as (client, server):
        await server.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(RemoteProtocolError, match="no websocket"):
            async with dialled(client, NOWHERE, LIMITS):
                pass
