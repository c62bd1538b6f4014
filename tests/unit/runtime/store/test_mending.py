"""What is damaged on opening ends the worker, unless there is a copy: and there is none alone."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from support.lone import endless, lone_worker
from support.wires import data_channels, ended_with

from wallarood.model.change import PartName
from wallarood.model.errors import DamagedStateError, PeersGoneError
from wallarood.model.ids import Address
from wallarood.model.messages.replicas import PartEnd, PartHead, PartPiece
from wallarood.net.tcp import DataChannel
from wallarood.runtime.peers.greeting import greeted
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.peers.transfer import TAKE_BYTES
from wallarood.runtime.store.mending import copy_of, open_or_mend

PART, HERE = PartName(1, "alpha", 2, 7), Address("beta", 1)


async def test_without_copies_the_damage_is_told_as_ever(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="100ms") as lone:
        await lone.running()
        await lone.until(lambda: lone.worker.checkpoint_log.runs)
        path = lone.worker.store.cluster_path / "checkpoints.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET checksum = 0")
    async with lone_worker(tmp_path, endless([]), driven=False, worker__cluster_id="auto") as lone:
        record = lone.worker.node.record
        assert record is not None
        with pytest.raises(DamagedStateError, match="the marks have a wrong checksum"):
            await trio.to_thread.run_sync(open_or_mend, lone.worker, record.cluster_id)


async def send_slowly(channel: DataChannel, chunks: int) -> None:
    """As from a disk that gives a megabyte in twenty seconds."""
    came = await greeted(channel, frame_bytes_max=2 * TAKE_BYTES)
    conversation = Conversation.after(channel, came.frames, came.rest)
    await conversation.say(PartHead(PART, {}, chunks, 0))
    for number in range(chunks):
        await trio.sleep(20)
        await conversation.say(PartPiece("count", 7, number, True, bytes(TAKE_BYTES)))
    await conversation.say(PartEnd(PART))


async def test_a_copy_is_waited_for_as_long_as_some_of_it_comes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        lone_worker(tmp_path, endless([]), driven=False) as lone,
        trio.open_nursery() as nursery,
    ):

        @asynccontextmanager
        async def dial(_: Address) -> AsyncIterator[DataChannel]:
            async with data_channels() as (ours, theirs), ended_with(ours):
                nursery.start_soon(send_slowly, theirs, 8)
                yield ours

        made: Any = dial
        lone.worker.dial_data = made
        head, chunks = await copy_of(PART, lone.worker, cluster_id="wc", where=lambda: HERE)
        assert isinstance(head, PartHead)
        assert [each.sequence for each in chunks] == list(range(8))
        assert autojump_clock.current_time() > 150


async def test_a_holder_that_does_not_answer_is_not_waited_for_without_end(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:

        @asynccontextmanager
        async def dial(_: Address) -> AsyncIterator[DataChannel]:
            await trio.sleep(1)
            raise ConnectionRefusedError("nobody listens")
            yield

        made: Any = dial
        lone.worker.dial_data = made
        with pytest.raises(PeersGoneError, match="nobody listens"):
            await copy_of(PART, lone.worker, cluster_id="wc", where=lambda: HERE)
