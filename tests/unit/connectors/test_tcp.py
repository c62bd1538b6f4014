"""TCP sources and the TCP sink, on real sockets."""

import socket
import struct
from contextlib import ExitStack, suppress
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext, SourceLimits
from wallarood.connectors.tcp_source import TcpReader

LIMITS = SourceLimits(batch_records_max=10, record_bytes_max=1000)
WHERE = SourceContext(limits=LIMITS)
CONTEXT = SinkContext("app", "wc-1", "alpha", "sink", 0)


def framed(*payloads: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(each)) + each for each in payloads)


async def opened(source: Any, stack: ExitStack) -> TcpReader:
    reader: TcpReader = await source.open(source.partitions()[0], None, WHERE)
    for each in (reader.listener,):
        stack.callback(each.close)
    return reader


def client_of(reader: TcpReader, stack: ExitStack) -> socket.socket:
    address = reader.address
    return stack.enter_context(socket.create_connection((address.host, address.port)))


async def records_of(reader: TcpReader, count: int) -> list[Any]:
    found: list[Any] = []
    with trio.fail_after(10):
        while len(found) < count:
            batch = await reader.read()
            assert 0 < len(batch.records) <= LIMITS.batch_records_max
            found += batch.records
    return found


async def test_framed_records_arrive_however_they_are_cut() -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), stack)
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


async def test_records_of_a_type_are_decoded() -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=dict[str, int]), stack)
        client_of(reader, stack).sendall(framed(msgspec.json.encode({"a": 1})))
        assert await records_of(reader, 1) == [{"a": 1}]
        await reader.aclose()


async def test_lines_come_from_several_clients_each_in_order() -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), stack)
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
        (w.TcpSource("127.0.0.1:0", record=dict[str, int]), framed(b"no json")),
        (w.LineTcpSource("127.0.0.1:0"), b"x" * 1001),
        (w.LineTcpSource("127.0.0.1:0"), b"\xff\n"),
    ],
    ids=["too long", "not the type", "a long line", "not UTF-8"],
)
async def test_a_client_that_sends_nonsense_is_dropped_and_the_others_stay(
    source: Any, bad: bytes
) -> None:
    with ExitStack() as stack:
        reader = await opened(source, stack)
        offender, good = client_of(reader, stack), client_of(reader, stack)
        offender.sendall(bad)
        line = isinstance(source, w.LineTcpSource)
        good.sendall(b'{"a": 1}\n' if line else framed(b'{"a": 1}'))
        assert len(await records_of(reader, 1)) == 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.read)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        offender.settimeout(5)
        with suppress(ConnectionResetError):
            assert offender.recv(1) == b""
        good.sendall(b'{"a": 2}\n' if line else framed(b'{"a": 2}'))
        assert len(await records_of(reader, 1)) == 1
        await reader.aclose()


async def test_a_source_that_is_not_read_slows_its_clients_down() -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), stack)
        client = client_of(reader, stack)
        client.setblocking(False)

        def flood() -> None:
            for _ in range(1 << 20):
                client.sendall(b"x" * 99 + b"\n")

        with pytest.raises(BlockingIOError):
            flood()
        assert await records_of(reader, 10) == ["x" * 99] * 10
        await reader.aclose()


async def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(w.WallaroodError, match=f"cannot listen on 127.0.0.1:{port}"):
            await w.TcpSource(f"127.0.0.1:{port}").open("x", None, WHERE)


@pytest.mark.parametrize("address", ["nowhere", "h:99999", ":1"])
def test_a_wrong_address_is_a_clear_error(address: str) -> None:
    for make in (w.TcpSource, w.LineTcpSource, w.TcpSink):
        with pytest.raises(w.ApplicationError, match="expected HOST:PORT"):
            make(address)


async def test_the_sink_sends_lines_and_comes_back_to_a_server_that_was_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        writer = await w.TcpSink(f"127.0.0.1:{port}", format="tsv").open(CONTEXT, None)
        await writer.write([("a", 1), ("b", 2)])
        first, _ = server.accept()
        with first:
            assert first.recv(100) == b"a\t1\nb\t2\n"
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with trio.fail_after(10):
            while True:
                await writer.write([("c", 3)])
                server.setblocking(False)
                try:
                    second, _ = server.accept()
                    break
                except BlockingIOError:
                    await trio.lowlevel.checkpoint()
        with second:
            second.settimeout(5)
            assert second.recv(100).startswith(b"c\t3\n")
        await writer.aclose()
