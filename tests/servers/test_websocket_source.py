"""A WebSocket source, against a server on a real socket that sends, closes, and is away."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio
from support.intakes import opened, read, read_on
from support.patience import patiently
from support.ports import free_port
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

import wallarood as w
from wallarood.model.errors import ConfigurationError, ServerAwayError


@attrs.define
class Prices:
    """A server: `heard` is what clients have said; what is sent to `wanted` goes to all."""

    port: int
    token: str = ""
    heard: list[Any] = attrs.field(factory=list)
    clients: list[Any] = attrs.field(factory=list)
    changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    async def handle(self, request: WebSocketRequest) -> None:
        if self.token and (b"x-token", self.token.encode()) not in request.headers:
            await request.reject(401)
            return
        socket = await request.accept()
        self.clients.append(socket)
        self.changed.unpark_all()
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.heard.append(await socket.get_message())
                self.changed.unpark_all()
        self.clients.remove(socket)
        self.changed.unpark_all()

    async def client(self) -> Any:
        with patiently(20):
            while not self.clients:
                await self.changed.park()
        return self.clients[0]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/prices"


@contextlib.asynccontextmanager
async def serving(port: int = 0, token: str = "") -> AsyncIterator[Prices]:
    prices = Prices(port or free_port(), token)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_websocket, prices.handle, "127.0.0.1", prices.port, None)
        yield prices
        nursery.cancel_scope.cancel()


async def test_messages_are_read_and_kept(tmp_path: Path) -> None:
    async with serving() as prices:
        source = w.WebSocketSource(prices.url, hello=['{"subscribe": "x"}', b"\1"])
        async with opened(source, tmp_path, record_bytes_max=1000) as reader:
            server = await prices.client()
            for each in ('{"price": 1}', b'{"price": 2}', "[3]"):
                await server.send_message(each)
            found, position = await read(reader, 3)
            assert found == [{"price": 1}, {"price": 2}, [3]]
            assert prices.heard == ['{"subscribe": "x"}', b"\1"]
    async with opened(source, tmp_path, 1) as reader:
        assert (await read(reader, 2)) == (found[1:], position)


async def test_a_connection_that_is_closed_is_made_again_and_the_gap_is_said(
    tmp_path: Path,
) -> None:
    async with serving() as prices:
        source = w.WebSocketSource(prices.url, format="text")
        async with opened(source, tmp_path, record_bytes_max=1000) as reader:
            server = await prices.client()
            await server.send_message("one")
            assert (await read(reader, 1))[0] == ["one"]
            with structlog.testing.capture_logs() as said:
                await server.aclose(1012, "restarting")
                with patiently(20), pytest.raises(ServerAwayError, match="1012 restarting"):
                    await reader.read()
                with patiently(20):
                    while not prices.clients or prices.clients[0] is server:
                        await prices.changed.park()
                await prices.clients[0].send_message("two")
                assert (await read(reader, 1))[0] == ["two"]
    assert any("messages that were sent meanwhile are lost" in each["event"] for each in said)


async def test_what_is_wrong_is_said_by_check_and_worker(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("barley")
    async with serving(token="sesame") as prices:
        secrets = {"X-Token": str(tmp_path / "token")}
        wrong = w.WebSocketSource(prices.url, secrets=secrets)
        with pytest.raises(ConfigurationError, match="answers 401 to the handshake") as checked:
            await wrong.check_connected()
        async with opened(wrong, tmp_path / "in") as reader:
            with patiently(20), pytest.raises(ConfigurationError) as worked:
                await reader.read()
        assert worked.value.message == checked.value.message
        assert "barley" not in worked.value.message
        (tmp_path / "token").write_text("sesame")
        await wrong.check_connected()


async def test_nobody_there_is_said_by_check_and_worker(tmp_path: Path) -> None:
    source = w.WebSocketSource(f"ws://127.0.0.1:{free_port()}/")
    with pytest.raises(ServerAwayError, match="cannot be reached") as checked:
        await source.check_connected()
    async with opened(source, tmp_path, record_bytes_max=1000) as reader:
        with patiently(20), pytest.raises(ServerAwayError) as worked:
            await reader.read()
    assert worked.value.message == checked.value.message


async def test_a_message_that_is_too_long_ends_the_connection_only(tmp_path: Path) -> None:
    async with serving() as prices:
        source = w.WebSocketSource(prices.url, format="text")
        async with opened(source, tmp_path, record_bytes_max=1000) as reader:
            server = await prices.client()
            await server.send_message("x" * 5000)
            with patiently(20), pytest.raises(ServerAwayError, match="closed the connection"):
                await read_on(reader)


async def test_more_comes_while_nobody_reads(tmp_path: Path) -> None:
    async with serving() as prices:
        source = w.WebSocketSource(prices.url)
        async with opened(source, tmp_path, record_bytes_max=1000) as reader:
            server = await prices.client()
            for number in range(500):
                await server.send_message(str(number))
            assert (await read(reader, 500))[0] == list(range(500))
