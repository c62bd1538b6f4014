"""An open TCP source: what is acknowledged is in the journal, and comes once after a crash too."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from support.patience import patiently
from support.tcp_clients import answers_of, client_of, framed, more, opened, records_of
from trio.testing import wait_all_tasks_blocked

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.connectors.framing import Answer
from wallarood.connectors.journal import files as journal
from wallarood.connectors.tcp import reader as module
from wallarood.connectors.tcp.reader import TcpReader
from wallarood.model.errors import ApplicationError, CannotCreateError


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


async def read_into(found: list[Any], reader: TcpReader) -> None:
    found += (await reader.read()).records


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
            found: list[Any] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_into, found, reader)
                answers = await trio.to_thread.run_sync(answers_of, client, lambda a: a.ack == 2)
                nursery.cancel_scope.cancel()
            assert found == []
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


async def test_what_is_in_the_journal_and_is_of_another_type_now_is_named(
    where: SourceContext,
) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client_of(reader, stack).sendall(framed(b"not a number"))
        assert await records_of(reader, 1) == [b"not a number"]
        await reader.aclose()
        again = await opened(w.TcpSource("127.0.0.1:0", record=int), where, stack, 0)
        with pytest.raises(ApplicationError, match=r"entry 0 of the journal .* no longer be dec"):
            await again.read()
        await again.aclose()


async def test_a_record_that_the_disk_does_not_take_is_not_acknowledged_before_it_does(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_AGAIN_S", 0.05)
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        append = reader.journal.append

        def full(_: Any) -> None:
            raise CannotCreateError("no space left")

        monkeypatch.setattr(type(reader.journal), "append", lambda _, entries: full(entries))
        client = client_of(reader, stack)
        client.sendall(framed(b"one"))
        found: list[Any] = []
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:

                async def read() -> None:
                    found.extend((await reader.read()).records)

                nursery.start_soon(read)
                with patiently(10):
                    while len(logs) < 2:  # noqa: ASYNC110 - it is tried again and again
                        await trio.sleep(0.01)
                assert found == []
                monkeypatch.setattr(type(reader.journal), "append", lambda _, each: append(each))
        assert found == [b"one"]
        answers = await trio.to_thread.run_sync(answers_of, client, lambda a: a.ack == 1)
        assert [each.ack for each in answers if each.ack is not None] == [1]
        assert "clients wait" in logs[0]["event"]
        await reader.aclose()


async def test_a_commit_that_comes_after_the_end_touches_nothing(where: SourceContext) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        client_of(reader, stack).sendall(framed(b"one"))
        assert await records_of(reader, 1) == [b"one"]
        await reader.aclose()
        await reader.committed(1)
        again = await opened(w.TcpSource("127.0.0.1:0"), where, stack, 0)
        assert await records_of(again, 1) == [b"one"]
        await again.aclose()
