"""An exactly-once sink: what is committed arrives once, with the same bytes."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from support.patience import patiently
from support.tcp_clients import opened, records_of

import wallarood as w
from wallarood.app.connector import SinkContext, SourceContext
from wallarood.model.errors import DamagedStateError, PeersGoneError


async def test_committed_output_arrives_once_and_its_repeat_has_the_same_bytes(
    where: SourceContext, sink_context: SinkContext
) -> None:
    """A sink feeds a source; it publishes twice, as after a crash, and once from a new life."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        sink = w.TcpSink(str(reader.clients.address), format="tsv")
        writer = await sink.open(sink_context, None)
        await writer.write([("a", 1), ("b", 2)])
        first = await writer.prepare()
        await writer.write([("c", 3)])
        second, state = await writer.prepare(), writer.state
        await writer.write([("void", 0)])
        await writer.prepare()
        await writer.aclose()
        writer = await sink.open(sink_context, state)
        found: list[bytes] = []

        async def read() -> None:
            while True:
                found.extend((await reader.read()).records)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for prepared in (first, first, second, first):
                with patiently(5):
                    await writer.commit(prepared)
            await writer.write([("d", 4)])
            await writer.commit(await writer.prepare())
            nursery.cancel_scope.cancel()
        assert found == [b"a\t1", b"b\t2", b"c\t3", b"d\t4"]
        assert list(reader.journal.highest) == ["app-sink@alpha-0-12345678"]
        assert not list(Path(sink_context.directory).glob("*"))
        await writer.aclose()
        await reader.aclose()


async def test_a_receiver_that_is_away_is_named_and_nothing_is_lost(
    where: SourceContext, sink_context: SinkContext
) -> None:
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        address = str(reader.clients.address)
        await reader.aclose()
        writer = await w.TcpSink(address).open(sink_context, None)
        await writer.write(["a"])
        prepared = await writer.prepare()
        with pytest.raises(w.WallaroodError, match=f"receiver {address}"):
            await writer.commit(prepared)
        reader = await opened(w.TcpSource(address), where, stack)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.commit, prepared)
            assert await records_of(reader, 1) == [b"a"]
            nursery.cancel_scope.cancel()
        await writer.aclose()
        await reader.aclose()


async def test_what_is_made_while_the_receiver_is_away_does_not_hide_that_it_has_more(
    where: SourceContext, sink_context: SinkContext
) -> None:
    """As after the whole cluster was put back: records of the same number are others."""
    with ExitStack() as stack:
        reader = await opened(w.TcpSource("127.0.0.1:0"), where, stack)
        address = str(reader.clients.address)
        writer = await w.TcpSink(address).open(sink_context, None)
        before = writer.state
        await writer.write(list("abc"))
        prepared = await writer.prepare()
        with patiently(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(records_of, reader, 4)  # which acknowledges three
                await writer.commit(prepared)
                nursery.cancel_scope.cancel()
        await writer.aclose()
        await reader.aclose()
        made, state = [], before
        for records in ("c", "d", "ab"):
            writer = await w.TcpSink(address).open(sink_context, state)
            await writer.write(list(records))
            made.append(await writer.prepare())
            with pytest.raises(PeersGoneError):
                await writer.commit(made[0])
            state = writer.state
            await writer.aclose()
        writer = await w.TcpSink(address).open(sink_context, state)
        reader = await opened(w.TcpSource(address), where, stack)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(records_of, reader, 4)  # which answers
            for _ in range(2):
                with pytest.raises(DamagedStateError, match=r"has 3 records .* only 0 were made"):
                    await writer.commit(made[0])
            nursery.cancel_scope.cancel()
        await writer.aclose()
        await reader.aclose()
