"""A process that publishes and dies where it is told to, or says why it has failed."""

from pathlib import Path

import pytest
import trio
from support.ledger_server import ledger_server, read_ledger
from support.ledger_sink import LedgerSink
from support.ports import free_port
from support.shelf import Shelf

from wallarood.testing.connectors.killing import cancelled_at, publish_and_die
from wallarood.testing.connectors.lives import Life


async def committed(life: Life, *records: str) -> None:
    writer = await life.open()
    await life.checkpoint(writer, list(records))
    await writer.aclose()


async def test_it_dies_at_the_step_and_not_before(tmp_path: Path) -> None:
    port = free_port()
    with ledger_server(tmp_path, port):
        life = Life.begun(LedgerSink(f"127.0.0.1:{port}"), tmp_path, "1")
        await committed(life, "a", "b")
        assert await publish_and_die(life, die_at=3), "before `apply`"
        assert read_ledger(port) == []
        assert await publish_and_die(life, die_at=4), "after `apply`"
        assert read_ledger(port) == ["a", "b"]
        assert not await publish_and_die(life)
        assert read_ledger(port) == ["a", "b"]


async def test_what_it_has_failed_of_is_said(tmp_path: Path) -> None:
    life = Life.begun(LedgerSink("127.0.0.1:1"), tmp_path, "1")
    await committed(life, "a")
    with pytest.raises(AssertionError, match=r"(?s)publishing has failed:.*ledger 127\.0\.0\.1:1"):
        await publish_and_die(life)


async def test_a_sink_that_cannot_be_sent_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the sink must be a value that can be pickled"):
        await publish_and_die(Life.begun(Shelf().sink(), tmp_path, "1"))


async def test_a_call_is_cancelled_where_it_waits() -> None:
    waited: list[int] = []

    async def call() -> None:
        for number in range(3):
            await trio.lowlevel.checkpoint()
            waited.append(number)

    assert [await cancelled_at(call, turn) for turn in range(4)] == [True, True, True, False]
    assert waited == [0, 0, 1, 0, 1, 2]
