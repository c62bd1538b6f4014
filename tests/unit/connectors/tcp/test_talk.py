"""What clients of a TCP source are told, and what is taken of what they send."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from support.patience import patiently
from support.tcp_clients import answers_of, client_of, opened, records_of

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.connectors.framing import (
    Answer,
    Hello,
    answer_decoder,
    frame,
    record_frame,
    take_frames,
)
from wallarood.connectors.tcp.reader import TcpReader

T = TypeVar("T")


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """Where a source runs whose journal is below the test's directory."""
    return SourceContext("in", directory=str(tmp_path / "sources"))


def first_answer(client: socket.socket) -> Answer:
    buffer = bytearray()
    while not (frames := take_frames(buffer, 1000)):
        data = client.recv(1000)
        assert data, "closed"
        buffer += data
    return answer_decoder.decode(frames[0])


async def while_it_reads(reader: TcpReader, ask: Callable[[], T]) -> T:
    """What *ask* returns, which waits for an answer: what was sent may not be there at once."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.read)
        answer = await trio.to_thread.run_sync(ask)
        nursery.cancel_scope.cancel()
    return answer


async def test_a_client_that_comes_back_is_told_the_number_after_what_was_taken_from_it_before(
    where: SourceContext,
) -> None:
    """Records of its old connection and the hello of its new one are read in one pass."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        old = client_of(reader, stack)
        old.sendall(frame(Hello(1, "till")))
        assert await while_it_reads(reader, partial(first_answer, old)) == Answer(next=1)
        old.sendall(record_frame(1, b"old 1") + record_frame(2, b"old 2"))
        new = client_of(reader, stack)
        new.sendall(frame(Hello(1, "till")))
        assert await records_of(reader, 2) == [b"old 1", b"old 2"]
        assert await while_it_reads(reader, partial(first_answer, new)) == Answer(next=3)
        new.sendall(record_frame(3, b"new 1"))
        assert await records_of(reader, 1) == [b"new 1"]
        assert first_answer(new) == Answer(ack=3)
        await reader.aclose()


async def test_a_malformed_record_is_named_by_its_number(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0", record=dict[str, int]), where, stack)
        client = client_of(reader, stack)
        client.sendall(frame(Hello(1, "c")) + record_frame(1, b'{"a":1}'))
        assert await records_of(reader, 1) == [{"a": 1}]
        client.sendall(record_frame(2, b'{"a":"x"}'))
        refused = partial(answers_of, client, lambda answer: answer.error is not None)
        error = (await while_it_reads(reader, refused))[-1].error
        assert error is not None
        assert error.startswith("record 2 is malformed: Expected `int`")
        await reader.aclose()


async def test_a_last_line_without_its_line_end_is_a_line(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        client.sendall(b"a\r\nb")
        client.shutdown(socket.SHUT_WR)
        assert await records_of(reader, 2) == ["a", "b"]
        await reader.aclose()
        again = await w.LineTcpSource("127.0.0.1:0").open("in", 0, where)
        stack.callback(again.clients.close)
        assert await records_of(again, 2) == ["a", "b"]
        await again.aclose()


async def test_a_line_that_is_not_text_costs_one_line(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.LineTcpSource("127.0.0.1:0"), where, stack)
        client = client_of(reader, stack)
        client.sendall(b"good 1\ncaf\xe9\ngood 2\n")
        assert await records_of(reader, 2) == ["good 1", "good 2"]
        assert client.recv(1000) == b"line dropped: it is not UTF-8: b'caf\\xe9'\n"
        client.sendall(b"good 3\n\xff")
        client.shutdown(socket.SHUT_WR)
        assert await records_of(reader, 1) == ["good 3"]
        await reader.aclose()


async def test_a_source_that_has_run_here_waits_for_its_port(
    where: SourceContext, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    with ExitStack() as stack:
        other = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        source = w.TcpSource(f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(w.WallaroodError, match="Address already in use"):
            await source.open("in", None, where)
        async with trio.open_nursery() as nursery:

            async def let_go() -> None:
                await trio.sleep(10)
                other.close()

            nursery.start_soon(let_go)
            reader = await opened(source, where, stack)
        assert reader.clients.address == source.address
        await reader.aclose()


def lenient(kind: str, on_error: Any) -> Any:
    if kind == "lines":
        return w.LineTcpSource("127.0.0.1:0", on_error=on_error)
    return w.TcpSource("127.0.0.1:0", record=int, on_error=on_error)


SENT = {
    "lines": b"1\n\xff\n3\n",
    "frames": frame(Hello(1, "c")) + record_frame(1, b"1") + record_frame(2, b"\xff"),
}
GOOD: dict[str, list[Any]] = {"lines": ["1", "3"], "frames": [1]}


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize("on_error", ["skip", w.dead_letter(w.ListSink([]))])
async def test_what_is_malformed_is_journalled_as_unreadable_if_on_error_takes_it(
    where: SourceContext, kind: str, on_error: Any
) -> None:
    with ExitStack() as stack:
        reader = await opened(lenient(kind, on_error), where, stack)
        client = client_of(reader, stack)
        client.sendall(SENT[kind])
        with patiently(10):
            first = await reader.read()
        assert first.records == GOOD[kind]
        assert first.position == len(GOOD[kind]) + 1
        [bad] = first.unreadable
        assert (bad.raw, bad.place) == (b"\xff", "127.0.0.1:0")
        if kind == "frames":
            assert first_answer(client) == Answer(next=1)
            client.sendall(record_frame(3, b"3"))
            assert await records_of(reader, 1) == [3]
        await reader.aclose()
        again = await opened(lenient(kind, on_error), where, stack)
        replayed = await again.read()
        assert replayed.unreadable == first.unreadable
        assert replayed.records == ([1, 3] if kind == "frames" else GOOD[kind])
        await again.aclose()


@pytest.mark.parametrize("kind", SENT)
async def test_a_journal_with_what_on_error_does_not_take_any_more_is_a_clear_error(
    where: SourceContext, kind: str
) -> None:
    with ExitStack() as stack:
        reader = await opened(lenient(kind, "skip"), where, stack)
        client_of(reader, stack).sendall(SENT[kind])
        with patiently(10):
            await reader.read()
        await reader.aclose()
        again = await opened(lenient(kind, "stop"), where, stack)
        with pytest.raises(w.ApplicationError, match="can no longer be decoded"):
            await again.read()
        await again.aclose()


async def test_an_on_error_that_is_none_is_refused() -> None:
    with pytest.raises(w.PipelineError, match="on_error='drop'"):
        lenient("lines", "drop")
