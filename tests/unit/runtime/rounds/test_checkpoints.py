"""A round's part in checkpoints: what is written, what is not any more, and what is told of it."""

from pathlib import Path

import pytest
import trio
from support.lone import Lone, endless, lone_worker
from support.patience import patiently
from support.ports import free_port

import wallarood as w
from wallarood.admin.orders import Orders
from wallarood.control.events import CheckpointWanted, Event, SnapshotFailed, SnapshotWritten
from wallarood.model.checkpoint import BEFORE_UPGRADE, CheckpointId, CheckpointPart
from wallarood.model.messages import Purpose, RequestCheckpoint
from wallarood.planning.upgrade import kept_as
from wallarood.runtime.rounds.checkpoints import (
    hold_sources,
    leave_out,
    release,
    take_barrier,
    write_part,
)
from wallarood.runtime.worker import Round

LATER = 1000
"""A number of a checkpoint that comes by itself in no test: none does within an hour."""


def part(lone: Lone, number: int) -> CheckpointPart:
    round_ = of(lone).proposal.round
    return CheckpointPart(CheckpointId(round_, number), "alpha", (), (), ())


def of(lone: Lone) -> Round:
    round_ = lone.worker.running
    assert round_ is not None
    return round_


def held(lone: Lone) -> list[int]:
    assert lone.worker.checkpoints is not None
    return [each.number for each in lone.worker.checkpoints.held]


async def connected(port: int) -> trio.SocketStream:
    """A client of a source, which may not listen yet when its worker runs."""
    with patiently():
        while True:
            try:
                return await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.01)


async def written(lone: Lone, *numbers: int) -> list[Event]:
    """Write parts, one after the other; what is posted of that."""
    lone.worker.posted.clear()
    for number in numbers:
        turn = lone.worker.turns.take()
        await write_part(lone.worker, turn, round_=of(lone), part=part(lone, number))
    return [each for each in lone.worker.posted if isinstance(each, SnapshotWritten)]


async def test_a_part_that_is_written_is_told_with_its_number(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        told = await written(lone, LATER)
        assert [each.number for each in told if isinstance(each, SnapshotWritten)] == [LATER]
        assert LATER in held(lone)
        assert lone.worker.last_checkpoint is not None
        assert lone.worker.last_checkpoint.number == LATER


async def test_a_checkpoint_that_is_to_be_kept_is_kept_under_its_name(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        of(lone).keeping[LATER] = "before the upgrade"
        await written(lone, LATER)
        assert lone.worker.checkpoints is not None
        assert lone.worker.checkpoints.kept == {"before the upgrade": LATER}


async def test_of_parts_that_wait_for_the_disk_only_the_newest_is_written(tmp_path: Path) -> None:
    """An older one was abandoned long ago: it would only keep the disk from the newer."""
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        older, newer = lone.worker.turns.take(), lone.worker.turns.take()
        async with trio.open_nursery() as nursery:
            for turn, number in ((older, LATER), (newer, LATER + 1)):
                task = lambda turn, number: write_part(  # noqa: E731
                    lone.worker, turn, round_=of(lone), part=part(lone, number)
                )
                nursery.start_soon(task, turn, number)
        assert LATER not in held(lone)
        assert LATER + 1 in held(lone)


async def test_a_checkpoint_that_can_never_be_committed_is_not_written(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        leave_out(lone.worker, LATER)
        assert await written(lone, LATER) == []
        assert LATER not in held(lone)
        leave_out(lone.worker, 1)  # an older one takes nothing back
        assert await written(lone, LATER) == []


async def test_a_disk_that_fails_is_told_and_named_until_a_part_is_written(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        assert lone.worker.checkpoints is not None
        connection = lone.worker.checkpoints._connection  # type: ignore[attr-defined]
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("PRAGMA query_only = 1")
        turn = lone.worker.turns.take()
        lone.worker.posted.clear()
        await write_part(lone.worker, turn, round_=of(lone), part=part(lone, LATER))
        failed = [each for each in lone.worker.posted if isinstance(each, SnapshotFailed)]
        assert [each.number for each in failed] == [LATER]
        assert "readonly" in lone.worker.disk_problem
        connection.execute("PRAGMA query_only = 0")
        await written(lone, LATER + 1)
        assert lone.worker.disk_problem == ""


async def test_nothing_is_told_of_a_part_of_a_round_that_has_ended(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        round_, last = of(lone), part(lone, LATER)
        round_.scope.cancel()
        await round_.ended.wait()
        lone.worker.posted.clear()
        await write_part(lone.worker, lone.worker.turns.take(), round_=round_, part=last)
        assert not [each for each in lone.worker.posted if isinstance(each, SnapshotWritten)]


async def test_sources_pause_after_the_barrier_of_a_stop_and_at_no_other(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        take_barrier(lone.worker, LATER, purpose=Purpose.ASKED, keep="")
        await lone.until(lambda: LATER in held(lone))
        assert lone.worker.gate.is_open
        take_barrier(lone.worker, LATER + 1, purpose=Purpose.SHUTDOWN, keep="")
        await lone.until(lambda: not lone.worker.gate.is_open)
        assert lone.worker.waiting == "the cluster is being shut down"
        take_barrier(lone.worker, LATER + 2, purpose=Purpose.LEAVE, keep="")
        await lone.until(lambda: lone.worker.waiting == "a worker is leaving")
        assert of(lone).stopping_at == LATER + 1, "the first of them counts"


async def test_sources_that_are_held_read_again_when_they_are_let_go(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await lone.running()
        hold_sources(lone.worker, "the disk is full")
        assert (lone.worker.phase, lone.worker.waiting) == ("paused", "the disk is full")
        hold_sources(lone.worker, "")
        assert lone.worker.phase == "running"


async def test_before_a_round_runs_there_is_nothing_to_take_or_release(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        take_barrier(lone.worker, 1, purpose=Purpose.ASKED, keep="x")
        release(lone.worker, 1)
        leave_out(lone.worker, 1)
        assert lone.worker.round is None


@pytest.mark.parametrize("name", [kept_as(()), BEFORE_UPGRADE])
async def test_what_is_kept_for_an_upgrade_goes_before_a_journal_is_full(
    tmp_path: Path, name: str
) -> None:
    """Else clients would wait for as long as nobody upgrades, or goes back."""
    taken, port = list[str](), free_port()
    source = w.LineTcpSource(f"127.0.0.1:{port}", journal_bytes_max=100_000)
    application = w.application("lines", w.source("in", source).to_sink(w.ListSink(taken)))
    lines = [f"{number} {'x' * 100}" for number in range(1500)]
    async with lone_worker(tmp_path, application, checkpoint__interval="100ms") as lone:
        await lone.running()
        orders = Orders(lone.worker, 1.0, list)
        store = lone.worker.checkpoints
        assert store is not None
        for kept in (name, "nightly"):
            lone.worker.post(CheckpointWanted(RequestCheckpoint(Purpose.ASKED, kept)))
            await lone.until(lambda kept=kept: kept in store.kept)
        orders.drop({"name": "nightly"})
        stream = await connected(port)
        await stream.send_all("".join(f"{line}\n" for line in lines[:200]).encode())
        await lone.until(lambda: store.committed.number > 8)
        assert store.kept == {name: store.kept[name]}, "a quarter of the journal harms nobody"
        await stream.send_all("".join(f"{line}\n" for line in lines[200:]).encode())
        await lone.until(lambda: len(taken) == len(lines))
        assert store.kept == {}
        assert taken == lines
        await stream.aclose()
