"""TCP sources and the TCP sink, on real sockets."""

import socket
import struct
from contextlib import ExitStack, suppress
from typing import Any

import msgspec
import pytest
import trio
from support.tcp_clients import client_of, framed, more, opened, records_of
from trio.testing import wait_all_tasks_blocked

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.client import SourceClient
from wallarood.connectors.framing import (
    Hello,
    frame,
)


async def test_framed_records_arrive_however_they_are_cut(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        payloads = [bytes([n]) * n for n in range(50)]
        data = framed(*payloads)
        found: list[Any] = []
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                for start in range(0, len(data), 7):
                    client.sendall(data[start : start + 7])
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(send)
            found = await records_of(reader, len(payloads))
        assert found == payloads
        await reader.aclose()


async def test_records_of_a_type_are_decoded(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=dict[str, int]), where, stack)
        client_of(reader, stack).sendall(framed(msgspec.json.encode({"a": 1})))
        assert await records_of(reader, 1) == [{"a": 1}]
        await reader.aclose()


async def test_lines_come_from_several_clients_each_in_order(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), where, stack)
        clients = [client_of(reader, stack) for _ in range(3)]
        for number in range(20):
            for name, client in enumerate(clients):
                client.sendall(f"{name} {number} ü\r\n".encode())
        lines = await records_of(reader, 60)
        for name in range(3):
            mine = [line for line in lines if line.startswith(f"{name} ")]
            assert mine == [f"{name} {number} ü" for number in range(20)]
        await reader.aclose()


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        (w.TcpSource("127.0.0.1:0"), struct.pack(">I", 1001)),
        (w.TcpSource("127.0.0.1:0"), frame(Hello(9, "c"))),
        (w.TcpSource("127.0.0.1:0"), frame(Hello(1, ""))),
        (w.TcpSource("127.0.0.1:0"), framed(b"x", first=3)),
        (w.TcpSource("127.0.0.1:0"), framed() + frame(1)),
        (w.TcpSource("127.0.0.1:0", record=dict[str, int]), framed(b"no json")),
        (w.LineTcpSource("127.0.0.1:0"), b"x" * 1001),
    ],
    ids=[
        "too long",
        "version",
        "no name",
        "a gap",
        "no number",
        "not the type",
        "a long line",
    ],
)
async def test_a_client_that_sends_nonsense_is_dropped_and_the_others_stay(
    source: Any, bad: bytes, where: SourceContext
) -> None:
    with ExitStack() as stack:
        reader = await opened(source, where, stack)
        offender, good = client_of(reader, stack), client_of(reader, stack)
        offender.sendall(bad)
        line = isinstance(source, w.LineTcpSource)
        good.sendall(b'{"a": 1}\n' if line else framed(b'{"a": 1}', client="good"))
        assert len(await records_of(reader, 1)) == 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.read)
            await wait_all_tasks_blocked(0.02)  # what was sent may take a moment to be there
            nursery.cancel_scope.cancel()
        offender.settimeout(30)
        with suppress(ConnectionResetError):
            while offender.recv(100):
                pass
        good.sendall(b'{"a": 2}\n' if line else more(2, b'{"a": 2}'))
        assert len(await records_of(reader, 1)) == 1
        await reader.aclose()


async def test_a_port_in_use_is_a_clear_error(where: SourceContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(w.WallaroodError, match=f"cannot listen on 127.0.0.1:{port}"):
            await w.TcpSource(f"127.0.0.1:{port}").open("x", None, where)


@pytest.mark.parametrize("address", ["nowhere", "h:99999", ":1"])
def test_a_wrong_address_is_a_clear_error(address: str) -> None:
    for make in (w.TcpSource, w.LineTcpSource, w.TcpSink):
        with pytest.raises(w.ApplicationError, match="expected HOST:PORT"):
            make(address)


async def test_a_client_that_comes_back_takes_the_place_of_its_old_connection(
    where: SourceContext,
) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        old, new = client_of(reader, stack), client_of(reader, stack)
        old.sendall(framed(b"one"))
        assert await records_of(reader, 1) == [b"one"]
        new.sendall(framed(b"two", first=2))
        assert await records_of(reader, 1) == [b"two"]
        assert [each.name for each in reader.clients.connected] == ["c"]
        await reader.aclose()


async def test_the_client_sends_again_what_was_not_acknowledged(where: SourceContext) -> None:
    """The source goes away in the middle, twice; each number arrives once, in order."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        address = str(reader.clients.address)
        done = trio.Event()

        def send() -> None:
            with SourceClient(address, "till", timeout_s=20) as client:
                for number in range(500):
                    client.send(str(number).encode())

        async def sending() -> None:
            await trio.to_thread.run_sync(send)
            done.set()

        found: list[bytes] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sending)
            for most in (100, 300, 500):
                while len(found) < most:
                    found += (await reader.read()).records
                if most < 500:
                    await reader.aclose()
                    reader = await opened(w.TcpSource(address), where, stack, len(found))
            nursery.start_soon(reader.read)
            await done.wait()
            nursery.cancel_scope.cancel()
        assert found == [str(number).encode() for number in range(500)]
        await reader.aclose()


async def test_the_client_is_told_why_it_is_refused(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=int), where, stack)
        client = SourceClient(str(reader.clients.address), "till")

        def send() -> None:
            client.send(b"no number")
            client.flush()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.read)
            with pytest.raises(w.WallaroodError, match="malformed"):
                await trio.to_thread.run_sync(send)
            nursery.cancel_scope.cancel()
        client.close()
        await reader.aclose()
