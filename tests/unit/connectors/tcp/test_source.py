"""TCP sources and the TCP sink, on real sockets."""

import os
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.client import SourceClient
from wallarood.connectors.framing import (
    Answer,
    Hello,
    answer_decoder,
    frame,
    record_frame,
    take_frames,
)
from wallarood.connectors.journal import files as journal
from wallarood.connectors.tcp.reader import TcpReader

LIMITS = SourceLimits(batch_records_max=10, record_bytes_max=1000)


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """Where a source runs whose journal is below the test's directory."""
    return SourceContext("in", directory=str(tmp_path / "sources"), limits=LIMITS)


def framed(*payloads: bytes, client: str = "c", first: int = 1) -> bytes:
    """A hello, and records with their numbers."""
    records = [record_frame(number, each) for number, each in enumerate(payloads, first)]
    return frame(Hello(1, client)) + b"".join(records)


def more(first: int, *payloads: bytes) -> bytes:
    """Records with their numbers."""
    return b"".join(record_frame(number, each) for number, each in enumerate(payloads, first))


async def opened(
    source: Any, where: SourceContext, stack: ExitStack, position: int | None = None
) -> TcpReader:
    reader: TcpReader = await source.open("in", position, where)
    stack.callback(reader.clients.close)
    return reader


def client_of(reader: TcpReader, stack: ExitStack) -> socket.socket:
    address = reader.clients.address
    one = stack.enter_context(socket.create_connection((address.host, address.port)))
    one.settimeout(5)
    return one


def answers_of(client: socket.socket, until: Callable[[Answer], bool]) -> list[Answer]:
    """What the server says, until it says something wanted."""
    buffer = bytearray()
    found: list[Answer] = []
    while not any(map(until, found)):
        data = client.recv(1000)
        assert data, f"closed after {found}"
        buffer += data
        found += [answer_decoder.decode(each) for each in take_frames(buffer, 10_000)]
    return found


async def records_of(reader: TcpReader, count: int) -> list[Any]:
    found: list[Any] = []
    with trio.fail_after(10):
        while len(found) < count:
            batch = await reader.read()
            assert 0 < len(batch.records) <= LIMITS.batch_records_max
            found += batch.records
    return found


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
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        offender.settimeout(5)
        with suppress(ConnectionResetError):
            while offender.recv(100):
                pass
        good.sendall(b'{"a": 2}\n' if line else more(2, b'{"a": 2}'))
        assert len(await records_of(reader, 1)) == 1
        await reader.aclose()


async def test_a_source_that_is_not_read_slows_its_clients_down(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        client.setblocking(False)

        def flood() -> None:
            for _ in range(1 << 20):
                client.sendall(b"x" * 99 + b"\n")

        with pytest.raises(BlockingIOError):
            flood()
        assert await records_of(reader, 10) == ["x" * 99] * 10
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


async def test_a_record_is_acknowledged_when_it_is_in_the_journal(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        client.sendall(framed(b"one", b"two"))
        batch = await reader.read()
        assert (batch.records, batch.position) == ([b"one", b"two"], 2)
        answers = await trio.to_thread.run_sync(answers_of, client, lambda a: a.ack == 2)
        assert answers[0].next == 1
        await reader.aclose()
        again = await opened(w.TcpSource("127.0.0.1:0"), where, stack, 1)
        assert (await again.read()).records == [b"two"]
        await again.aclose()


async def test_a_repeat_is_acknowledged_and_dropped_also_after_a_restart(
    where: SourceContext,
) -> None:
    with ExitStack() as stack:
        for turn in range(3):
            reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack, 2 * bool(turn))
            client = client_of(reader, stack)
            client.sendall(framed(b"one", b"two"))
            if turn == 0:
                assert await records_of(reader, 2) == [b"one", b"two"]
            else:
                with trio.move_on_after(0.05):
                    await reader.read()
                    pytest.fail("a repeat came through")
            answers = await trio.to_thread.run_sync(answers_of, client, lambda a: a.ack == 2)
            assert answers[0].next == (3 if turn else 1)
            await reader.aclose()


@pytest.mark.parametrize("torn", [1, 20, 40])
async def test_a_record_whose_journal_entry_was_cut_off_is_asked_for_again(
    where: SourceContext, torn: int
) -> None:
    """A crash in the middle of a write: it was not acknowledged, and is no damage."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client_of(reader, stack).sendall(framed(b"one"))
        assert await records_of(reader, 1) == [b"one"]
        reader.journal.append([("c", 2, b"two" * 20)])
        await reader.aclose()
        (file,) = Path(where.directory).glob("*/*.journal")
        os.truncate(file, file.stat().st_size - torn)
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack, 1)
        client = client_of(reader, stack)
        client.sendall(framed(b"two again", first=2))
        assert await records_of(reader, 1) == [b"two again"]
        assert Answer(next=2) in answers_of(client, lambda answer: answer.ack == 2)
        await reader.aclose()


async def test_a_full_journal_holds_the_clients_until_a_checkpoint_is_committed(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1000)
    with ExitStack() as stack:
        source = w.TcpSource("127.0.0.1:0", journal_bytes_max=4000)
        reader = await opened(source, where, stack)
        client = client_of(reader, stack)
        client.sendall(framed())
        number = 0
        while not reader.journal.full:
            number += 1
            client.sendall(more(number, bytes(500)))
            assert len(await records_of(reader, 1)) == 1
        client.sendall(more(number + 1, b"later"))
        found: list[Any] = []
        async with trio.open_nursery() as nursery:

            async def read_on() -> None:
                found.extend((await reader.read()).records)

            nursery.start_soon(read_on)
            await wait_all_tasks_blocked(0.05)
            assert not found
            await reader.committed(number)
        assert found == [b"later"]
        assert reader.journal.first > 0
        await reader.aclose()


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
