"""TCP connectors and counterparts that are slow, wrong, or say nothing: no one stops the job."""

import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently
from support.tcp_clients import client_of, opened

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.client import SourceClient
from wallarood.connectors.framing import (
    Answer,
    Hello,
    frame,
    record_frame,
    take_frames,
)
from wallarood.connectors.tcp import talk


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """Where a source runs whose journal is below the test's directory."""
    return SourceContext("in", directory=str(tmp_path / "sources"), limits=SourceLimits())


def deep_json(depth: int = 100_000) -> bytes:
    return b"[" * depth + b"]" * depth


HELLO = frame(Hello(1, "c"))
BROKEN = {
    "a second connection that sends nonsense at once": HELLO + record_frame(9, b"1"),
    "nested JSON": frame(Hello(1, "d")) + record_frame(1, deep_json()),
    "nested JSON in the hello": struct.pack(">I", 200_039)
    + b'{"wallarood":1,"client":"e","other":'
    + deep_json()
    + b"}  ",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
async def test_no_client_can_end_the_source(sent: bytes, where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=Any), where, stack)
        offender, first = client_of(reader, stack), client_of(reader, stack)
        first.sendall(HELLO + record_frame(1, b"1"))
        found: list[Any] = []

        async def read() -> None:
            while True:
                found.extend((await reader.read()).records)

        def offend() -> None:
            offender.sendall(sent)
            with suppress(ConnectionResetError):
                while offender.recv(1000):
                    pass

        def send_more() -> None:
            with SourceClient(str(reader.clients.address), "good") as client:
                client.send(b"2")

        with patiently(10):
            assert (await reader.read()).records == [1]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await trio.to_thread.run_sync(offend)
                await trio.to_thread.run_sync(send_more)
                nursery.cancel_scope.cancel()
        assert found == [2]
        await reader.aclose()


async def test_a_client_in_the_middle_of_sending_is_told_why_it_is_dropped(
    where: SourceContext,
) -> None:
    """What it has sent behind its mistake must not cost it the answer."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=int), where, stack)

        def send() -> None:
            client = SourceClient(str(reader.clients.address), "till", timeout_s=5)
            stack.callback(client.close)
            for number in range(3000):
                client.send(b"no number" if number == 1 else bytes(500))
            client.flush()

        async with trio.open_nursery() as nursery:

            async def read() -> None:
                while True:
                    await reader.read()

            nursery.start_soon(read)
            with patiently(10), pytest.raises(w.WallaroodError, match="malformed"):
                await trio.to_thread.run_sync(send)
            nursery.cancel_scope.cancel()
        await reader.aclose()


async def test_what_a_client_did_not_take_at_once_is_said_when_it_reads(
    where: SourceContext,
) -> None:
    """Nothing comes from the client that would wake the source."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        client.sendall(HELLO + record_frame(1, b"one"))
        assert (await reader.read()).records == [b"one"]
        (known,) = reader.clients.connected
        told = 0
        while not known.unsent:  # fill both socket buffers
            known.tell(Answer(ack=1))
            told += 1
        expected = [Answer(next=1), Answer(ack=1)] + [Answer(ack=1)] * told

        def listen() -> int:
            buffer, count = bytearray(), 0
            while count < len(expected):
                buffer += client.recv(1 << 16)
                count += len(take_frames(buffer, 1000))
            return count

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.read)
            assert await trio.to_thread.run_sync(listen) == len(expected)
            nursery.cancel_scope.cancel()
        await reader.aclose()


async def test_clients_are_not_known_without_end(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are known stay so; else a source would carry names for ever and grow."""
    monkeypatch.setattr(talk, "NAMES_BYTES_MAX", 5)
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        address = str(reader.clients.address)

        def send() -> None:
            for name in ("first", "second", "first"):
                with SourceClient(address, name) as client:
                    client.send(name.encode())
            with SourceClient(address, "third") as client:
                client.send(b"third")

        found: list[bytes] = []

        async def read() -> None:
            while True:
                found.extend((await reader.read()).records)

        with patiently(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                with pytest.raises(w.WallaroodError, match="2 clients are known"):
                    await trio.to_thread.run_sync(send)
                nursery.cancel_scope.cancel()
        assert found == [b"first", b"second", b"first"]
        await reader.aclose()


async def test_a_lost_journal_is_an_error_before_anybody_can_connect(where: SourceContext) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(w.WallaroodError, match="the checkpoint continues from 5"):
        await w.TcpSource(address).open("in", 5, where)
    with pytest.raises(ConnectionRefusedError), socket.socket() as client:
        client.connect(("127.0.0.1", int(address.rpartition(":")[2])))
