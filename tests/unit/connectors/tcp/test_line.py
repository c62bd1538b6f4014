"""A sink that goes back below what it has sent: another line, and a receiver that replaces."""

from pathlib import Path

import attrs
import pytest
from support.receiver import Receiver

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.place import place_of
from wallarood.connectors.tcp.line import in_line
from wallarood.connectors.tcp.sink import FrameWriter
from wallarood.model.errors import DamagedStateError

NAME = "app-sink@alpha-0-12345678"


@pytest.fixture
def context(tmp_path: Path) -> SinkContext:
    """Where the sink runs."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))


async def opened(receiver: Receiver, context: SinkContext, state: object = None) -> FrameWriter:
    writer = await w.TcpSink(f"127.0.0.1:{receiver.port}").open(context, state)
    assert isinstance(writer, FrameWriter)
    return writer


async def send(writer: FrameWriter, *records: str) -> None:
    await writer.write(list(records))
    prepared = await writer.prepare()
    for attempt in range(50):
        try:
            await writer.commit(prepared)
            return
        except w.WallaroodError as error:  # the receiver breaks connections now and then
            if isinstance(error, DamagedStateError) or attempt == 49:
                raise


def test_a_client_has_another_name_in_another_line() -> None:
    assert in_line(NAME, 0) == NAME
    assert in_line(NAME, 2) == f"{NAME}-line-2"


async def test_what_came_after_a_kept_checkpoint_is_replaced(context: SinkContext) -> None:
    with Receiver() as receiver:
        writer = await opened(receiver, context)
        await send(writer, "a", "b")
        kept = writer.state
        await send(writer, "c", "d", "e")
        await writer.aclose()

        writer = await opened(receiver, attrs.evolve(context, line=1), kept)
        await send(writer, "d", "c")
        after = writer.state
        await send(writer, "e")
        await writer.aclose()
        assert receiver.records == {NAME: [b"a", b"b"], f"{NAME}-line-1": [b"d", b"c", b"e"]}

        writer = await opened(receiver, attrs.evolve(context, line=2), after)
        await send(writer, "f")
        await writer.aclose()
        assert receiver.records == {
            NAME: [b"a", b"b"],
            f"{NAME}-line-1": [b"d", b"c"],
            f"{NAME}-line-2": [b"f"],
        }
        writer = await opened(receiver, attrs.evolve(context, line=3), kept)
        await send(writer, "g")
        await writer.aclose()
        assert {name: each for name, each in receiver.records.items() if each} == {
            NAME: [b"a", b"b"],
            f"{NAME}-line-3": [b"g"],
        }
        assert receiver.wrong == []


async def test_what_was_prepared_in_a_line_is_sent_in_it(context: SinkContext) -> None:
    """The kept checkpoint lists a transaction that may not have been published."""
    with Receiver() as receiver:
        writer = await opened(receiver, context)
        await writer.write(["a"])
        unpublished = await writer.prepare()
        kept = writer.state
        await writer.aclose()
        writer = await opened(receiver, attrs.evolve(context, line=1), kept)
        await writer.write(["b"])
        prepared = await writer.prepare()
        for each in (unpublished, prepared, unpublished):
            for _ in range(50):
                try:
                    await writer.commit(each)
                    break
                except w.WallaroodError:
                    continue
        await writer.aclose()
        assert receiver.records == {NAME: [b"a"], f"{NAME}-line-1": [b"b"]}
        assert receiver.wrong == []


async def test_frames_of_the_line_that_was_left_are_removed(
    context: SinkContext, tmp_path: Path
) -> None:
    with Receiver() as receiver:
        writer = await opened(receiver, context)
        for record in ("a", "b"):
            await writer.write([record])
            await writer.prepare()
        kept = writer.state
        await writer.write(["c"])
        await writer.prepare()
        await writer.aclose()
        writer = await opened(receiver, attrs.evolve(context, line=1), kept)
        names = sorted(each.name for each in (tmp_path / "sinks").glob("*.frames"))
        assert [place_of(each) for each in names] == [(0, 1), (0, 2)]
        await writer.aclose()


async def test_a_receiver_that_has_more_than_was_made_is_found_out(context: SinkContext) -> None:
    with Receiver() as receiver:
        writer = await opened(receiver, context)
        await send(writer, "a")
        before = writer.state
        await send(writer, *"bcdefgh")
        await writer.aclose()
        writer = await opened(receiver, context, before)
        with pytest.raises(DamagedStateError, match=r"has 8 records of app-sink@alpha.*only 1"):
            await send(writer, "b")
        await writer.aclose()


async def test_sinks_whose_names_run_together_alike_are_two_clients(tmp_path: Path) -> None:
    with Receiver() as receiver:
        for step, worker in (("a", "b-c"), ("a-b", "c")):
            own = str(tmp_path / f"{step} {worker}")
            at = SinkContext("app", "wc-12345678", worker, step, 0, own)
            writer = await opened(receiver, at)
            await send(writer, f"{step} {worker}")
            await writer.aclose()
        assert sorted(receiver.records.values()) == [[b"a b-c"], [b"a-b c"]]
