"""The NATS source and sink against a real server."""

import itertools
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import count_into, count_through
from support.servers.nats import api, send_all, stored, url
from support.servers.nats import create as make_stream
from support.servers.process import Server
from support.servers.reading import read_until

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.connectors.nats.target import NatsTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError
from wallarood.testing.connectors import SinkCase, prove_sink

NUMBERS = itertools.count()
CONTEXT = SourceContext("in", limits=SourceLimits(batch_records_max=10))


async def create(server: Server, **options: Any) -> str:
    """A stream of a new name, and its subjects."""
    return await make_stream(server, f"S{next(NUMBERS)}", **options)


async def send(server: Server, subject: str, *payloads: str) -> None:
    await send_all(server, [(subject, payload) for payload in payloads])


def sink_of(server: Server, stream: str, **options: Any) -> w.NatsSink:
    prefix = f"{stream}.markers"
    return w.NatsSink(url(server), stream, f"{stream}.out", marker_prefix=prefix, **options)


def target_of(sink: w.NatsSink, writer: str) -> NatsTarget:
    target = sink._spooled("out").connect(writer)
    assert isinstance(target, NatsTarget)
    return target


@pytest.mark.long
def test_counts_are_in_the_stream_once_in_order(nats: Server, tmp_path: Path) -> None:
    stream = trio.run(create, nats)
    subjects = f'"{stream}.out", marker_prefix="{stream}.markers"'
    sink = f'w.NatsSink("{url(nats)}", "{stream}", {subjects})'

    def read() -> list[tuple[int, int]]:
        found = trio.run(stored, nats, stream, f"{stream}.out")
        return [tuple(json.loads(each)) for each in found]

    count_into(sink, read, directory=tmp_path, server=nats)


@pytest.mark.long
def test_a_stream_is_counted_into_another_exactly_once(nats: Server, tmp_path: Path) -> None:
    """Through NATS: workers and server are killed while messages come."""
    stream, counts = trio.run(create, nats), trio.run(create, nats)
    source = f'w.NatsSource("{url(nats)}", "{stream}", format="json", record=int)'
    subjects = f'"{counts}.out", marker_prefix="{counts}.markers"'
    sink = f'w.NatsSink("{url(nats)}", "{counts}", {subjects})'

    def feed(numbers: range) -> None:
        trio.run(send, nats, f"{stream}.in", *map(str, numbers))

    def read() -> list[tuple[int, int]]:
        found = trio.run(stored, nats, counts, f"{counts}.out")
        return [tuple(json.loads(each)) for each in found]

    count_through(source, sink, feed=feed, read=read, directory=tmp_path, server=nats)


async def test_an_earlier_process_gets_nothing_in(nats: Server) -> None:
    stream = await create(nats)
    sink = sink_of(nats, stream, format="text")
    zombie, heir = target_of(sink, "w"), target_of(sink, "w")
    with patiently(60):
        assert await zombie.marker() == await heir.marker() == Marker()
        await heir.apply(heir.encode(list(range(2500))), Marker(), Marker(0, 2500))
        with pytest.raises(MarkerMovedError):
            await zombie.apply(zombie.encode(["no"]), Marker(), Marker(0, 1))
        await heir.apply(heir.encode(["last"]), Marker(0, 2500), Marker(0, 2501))
        assert await zombie.marker() == Marker(0, 2501)
        await zombie.aclose()
        await heir.aclose()
    expected = [*(str(n).encode() for n in range(2500)), b"last"]
    assert await stored(nats, stream, f"{stream}.out") == expected


async def test_what_is_too_long_for_a_message_is_said(nats: Server) -> None:
    most = (1 << 20) - 256
    for options, longest in (({}, most), ({"max_msg_size": 1256}, 1000)):
        stream = await create(nats, **options)
        target = target_of(sink_of(nats, stream, format="text"), "w")
        good, bad = "x" * longest, "x" * (longest + 1)
        said = f"has {longest + 1:,} bytes, and at most {longest:,} are taken: raise max_payload"
        with patiently(60):
            before = target.encode([good, bad])
            assert await target.marker() == Marker()
            with pytest.raises(ConfigurationError, match=said):
                await target.apply(before, Marker(), Marker(0, 2))
            with pytest.raises(w.ApplicationError, match=said):
                target.encode([good, bad])
            await target.apply(target.encode([good]), Marker(), Marker(0, 1))
            await target.aclose()
        assert await stored(nats, stream, f"{stream}.out") == [good.encode()]


async def test_many_bytes_go_in_several_batches(nats: Server) -> None:
    stream = await create(nats)
    target = target_of(sink_of(nats, stream, format="text"), "w")
    records = [str(n) * 900_000 for n in range(10)]
    with patiently(60):
        await target.marker()
        await target.apply(target.encode(records), Marker(), Marker(0, 10))
        assert await target.marker() == Marker(0, 10)
        await target.aclose()
    markers = await stored(nats, stream, f"{stream}.markers.*")
    assert [json.loads(each)["last"] for each in markers] == [4, 8, 10]
    assert await stored(nats, stream, f"{stream}.out") == [each.encode() for each in records]


async def test_what_is_wrong_is_said_with_the_server(nats: Server) -> None:
    good, bare = await create(nats), await create(nats, allow_atomic=False, allow_direct=False)
    port = free_port()
    with patiently(60):
        for sink, said in (
            (sink_of(nats, "NONE"), "has no stream 'NONE': create it"),
            (sink_of(nats, bare), f"stream '{bare}' takes no atomic batches: set allow_atomic"),
            (
                w.NatsSink(url(nats), good, f"{good}.out"),
                "add wallarood.markers.\\* to them",
            ),
        ):
            for ask in (sink.check_connected, target_of(sink, "w").marker):
                with pytest.raises(ConfigurationError, match=said) as caught:
                    await ask()
                assert caught.value.message.startswith(f"NATS at {nats.address}")
        with pytest.raises(ConfigurationError, match="does not allow direct gets"):
            await w.NatsSource(url(nats), bare).check_connected()
        nowhere = w.NatsSink(f"nats://me:geheim@127.0.0.1:{port}", "X", "x")
        with pytest.raises(w.WallaroodError, match=f"127.0.0.1:{port} cannot be reached") as other:
            await nowhere.check_connected()
        assert "geheim" not in other.value.message + repr(nowhere)


async def opened(source: w.NatsSource, position: object = None) -> SourceReader:
    return await source.open(source.partitions()[0], position, CONTEXT)


async def read_all(reader: SourceReader, count: int) -> list[Any]:
    found: list[Any] = []
    with patiently(30):
        while len(found) < count:
            batch = await reader.read()
            assert batch is not None
            found += batch.records
    return found


async def test_messages_come_in_order_and_positions_continue(nats: Server) -> None:
    stream = await create(nats)
    await send(nats, f"{stream}.a", *map(str, range(25)))
    await send(nats, f"{stream}.b", "other")
    source = w.NatsSource(url(nats), stream, f"{stream}.a", format="json", record=int)
    with patiently(60):
        reader = await opened(source)
        begin, first = await reader.read(), await reader.read()
        assert reader.lag_records == 15
        await reader.aclose()
        assert begin is not None
        assert begin.records == []
        assert first is not None
        assert first.records == list(range(10))
        assert first.times == sorted(first.times or [])
        reader = await opened(source, first.position)
        assert await read_all(reader, 15) == list(range(10, 25))
        # The leader has no other of this subject.
        await read_until(reader, lambda: reader.caught_up)
        assert reader.lag_records == 0
        await send(nats, f"{stream}.a", "25")
        assert await read_all(reader, 1) == [25]
        await reader.aclose()


async def test_a_server_that_ends_in_order_is_waited_for(nats: Server) -> None:
    stream = await create(nats)
    source = w.NatsSource(url(nats), stream, f"{stream}.a", format="json", record=int)
    found: list[int] = []

    def end() -> None:
        nats.signal(signal.SIGTERM)
        assert nats.process is not None
        nats.process.wait(30)
        nats.start()

    await send(nats, f"{stream}.a", *map(str, range(2000)))
    reader = await opened(source)
    with patiently(60):
        for upto in range(400, 2001, 400):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, end)
                while len(found) < upto:
                    try:
                        found += await read_all(reader, 1)
                    except w.ServerAwayError:
                        await trio.sleep(0.1)
    await reader.aclose()
    assert found == list(range(2000))


async def test_messages_that_are_gone_stop(nats: Server) -> None:
    stream = await create(nats)
    await send(nats, f"{stream}.a", *map(str, range(50)))
    source = w.NatsSource(url(nats), stream)
    with patiently(60):
        reader = await opened(source)
        await reader.read()
        first = await reader.read()
        assert first is not None
        await api(nats, f"STREAM.PURGE.{stream}", seq=11)  # just what was read
        assert await read_all(reader, 10) == [str(n).encode() for n in range(10, 20)]
        await api(nats, f"STREAM.PURGE.{stream}", seq=31)
        with pytest.raises(w.ApplicationError, match=r"after 20 are gone: the lowest .* is 31"):
            await reader.read()
        await reader.aclose()
        await api(nats, f"STREAM.DELETE.{stream}")
        reader = await opened(source, first.position)
        with pytest.raises(w.ApplicationError, match=r"has no stream .* it was read up to 10\."):
            await reader.read()
        config = {"name": stream, "subjects": [f"{stream}.>"], "allow_direct": True}
        await api(nats, f"STREAM.CREATE.{stream}", **config)
        await send(nats, f"{stream}.a", *map(str, range(50)))
        with pytest.raises(w.ApplicationError, match="was deleted and made anew"):
            await reader.read()
        await reader.aclose()


@pytest.mark.long
async def test_the_sink_keeps_its_guarantee(nats: Server, tmp_path: Path) -> None:
    stream = await create(nats)
    sink = sink_of(nats, stream, format="text")

    def read() -> list[str]:
        return [each.decode() for each in trio.run(stored, nats, stream, f"{stream}.out")]

    wrong = {"stream": (w.NatsSink(url(nats), "NONE", "x"), "has no stream 'NONE'")}
    case = SinkCase(sink=sink, read=read, server=nats, kills=5, wrong=wrong)
    proof = await prove_sink(case, tmp_path)
    print(proof)
    assert list(proof.untried) == []
