"""What the decisions want of the store: tried until it has room, and only in its own round."""

import errno
import threading
from pathlib import Path

import attrs
import pytest
import trio
from structlog.testing import capture_logs
from support.lone import Lone, endless, lone_worker
from support.nodes import changed
from support.retained import keep

from wallarood.control.events import CommitRecorded, HoldingsRead, RoundWritten
from wallarood.model.change import Change, Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import CannotCreateError, DamagedStateError, WallaroodError
from wallarood.model.ids import Ballot
from wallarood.model.messages import RoundProposal
from wallarood.model.messages.replicas import FilePiece
from wallarood.model.staging import StagedChange, StagedPart
from wallarood.runtime.ports import CheckpointStore
from wallarood.runtime.store import calls
from wallarood.runtime.store.turns import Turn
from wallarood.runtime.worker import Worker
from wallarood.storage.change_rows import ChangeRows
from wallarood.storage.checkpoints import CheckpointStore as Store

ROUND = 1


async def idle(lone: Lone) -> CheckpointStore:
    """Its store, with a job that stands still."""
    await lone.running()
    lone.worker.gate.close("test", "a test")
    await lone.worker.turns.wait_idle()
    lone.worker.posted.clear()
    assert lone.worker.checkpoints is not None
    return lone.worker.checkpoints


async def test_it_says_what_the_store_holds(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store = await idle(lone)
        await calls.read_holdings(lone.worker, lone.worker.turns.take(), attempt="7")
        (told,) = [each for each in lone.worker.posted if isinstance(each, HoldingsRead)]
        assert (told.holdings.attempt, told.holdings.round) == ("7", ROUND)
        assert told.holdings.checkpoints == store.held


async def test_it_says_in_which_epoch_copies_of_journals_were_whole(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await idle(lone)
        node = lone.worker.node
        assert node.record is not None
        record = attrs.evolve(node.record, change=changed(node.record, "alpha", "beta", "gamma"))
        workers = ("alpha", "beta", "gamma")
        topology = attrs.evolve(record.topology, epoch=2, workers=workers)
        for epoch, name in enumerate(workers[1:], 1):
            copies = lone.worker.store.copied_files(name, epoch=epoch)
            copies.write([FilePiece("sources/in/journal", 0, b"what came")])
            copies.settle()
        for known, told in (
            (node.record, ()),
            (attrs.evolve(record, topology=topology), (("gamma", 2),)),
        ):
            node.record = known
            lone.worker.posted.clear()
            await calls.read_holdings(lone.worker, lone.worker.turns.take(), attempt="7")
            (said,) = [each for each in lone.worker.posted if isinstance(each, HoldingsRead)]
            assert said.holdings.journals == told


async def test_a_proposal_is_durable_before_that_is_told(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store = await idle(lone)
        proposal = RoundProposal("8", 5, CheckpointId(0, 0), 40, (), 2)
        with capture_logs() as logs:
            await calls.write_round(lone.worker, lone.worker.turns.take(), proposal=proposal)
        assert (store.round, store.highest, store.line) == (5, 40, 2)
        assert RoundWritten(5) in lone.worker.posted
        assert any("line 2 of the output begins" in each["event"] for each in logs)


async def test_what_was_staged_is_gone_when_a_round_of_this_epoch_is_written(
    tmp_path: Path,
) -> None:
    """It will never be: each change that is tried in vain would stay on all disks."""
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store = await idle(lone)
        assert isinstance(store, Store)
        number = ChangeRows(store).begin()
        ChangeRows(store).add(number, "count", [b"what came"], after=0)
        proposal = RoundProposal("8", 5, CheckpointId(0, 0), 40, (), 0)
        await calls.write_round(lone.worker, lone.worker.turns.take(), proposal=proposal)
        assert store.marks.staged == ()
        (rows,) = store.connection.execute(
            "SELECT COUNT(*) FROM chunk WHERE number = ?", (-number,)
        )
        assert rows == (0,)


async def test_what_a_round_starts_from_is_committed_when_it_begins(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store = await idle(lone)
        turn = lone.worker.turns.take()
        await calls.record_committed(lone.worker, turn, ours=ROUND, number=3)
        proposal = RoundProposal("8", 5, CheckpointId(1, 4), 40, (), 2)
        await calls.write_round(lone.worker, lone.worker.turns.take(), proposal=proposal)
        assert store.committed.number == 3
        later = attrs.evolve(proposal, round=6)
        await calls.record_begun(lone.worker, lone.worker.turns.take(), proposal=later)
        assert store.committed.number == 3, "that is not the round which was written"
        await calls.record_begun(lone.worker, lone.worker.turns.take(), proposal=proposal)
        assert store.committed.number == 4


@pytest.mark.parametrize("ours", [ROUND, ROUND + 1])
async def test_what_an_earlier_round_has_decided_is_not_done_in_a_later_one(
    tmp_path: Path, ours: int
) -> None:
    """A number that was never written here may come again there."""
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await idle(lone)
        turn = lone.worker.turns.take()
        await calls.record_committed(lone.worker, turn, ours=ours, number=900)
        assert (CommitRecorded(900) in lone.worker.posted) is (ours == ROUND)


async def test_a_disk_without_room_is_tried_again_until_it_has_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "WRITE_AGAIN_S", 0.05)
    attempts: list[int] = []
    has_room = threading.Event()

    def call(_: CheckpointStore) -> str:
        attempts.append(1)
        if not has_room.is_set():
            raise CannotCreateError(f"state: {errno.errorcode[errno.ENOSPC]}")
        return "done"

    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await idle(lone)
        with capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                results: list[str] = []

                async def work() -> None:
                    results.append(await calls.stored(lone.worker, lone.worker.turns.take(), call))

                nursery.start_soon(work)
                await lone.until(lambda: len(attempts) > 2)
                assert lone.worker.disk_problem == "state: ENOSPC"
                has_room.set()
        assert results == ["done"]
        assert lone.worker.disk_problem == ""
        assert len([each for each in logs if "cannot be written" in each["event"]]) == 1


async def test_who_started_in_an_older_epoch_than_its_checkpoints_are_of_does_nothing_to_them(
    tmp_path: Path,
) -> None:
    """The disk gave them only after the record beside them was read."""
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store, worker = await idle(lone), lone.worker
        record = worker.node.record
        assert record is not None
        topology = attrs.evolve(record.topology, epoch=2)
        members, basis = record.members, CheckpointId(0, 0)
        change = Change(2, members, (), topology, record.fingerprint, basis, 1, 4, 0)
        after = attrs.evolve(record, topology=topology, change=change)
        rows = worker.store.changes_in(store)
        part = StagedPart(rows.begin(), basis, (), (), ())
        rows.finish(StagedChange(Ballot(1, "alpha"), after, record.topology, members, part))
        rows.adopt(after)
        store.close()
        worker.checkpoints = None
        with pytest.raises(WallaroodError, match=r"started in epoch 1.*are of epoch 2") as caught:
            await calls.open_store(worker, worker.turns.take())
        assert caught.value.exit_code == 70, "the service manager starts it again"
        assert worker.checkpoints is None
        assert worker.store.load_record() == after


@pytest.mark.parametrize("epoch", [0, 1])
async def test_who_started_without_its_vote_says_nothing_of_what_its_checkpoints_hold(
    tmp_path: Path, epoch: int
) -> None:
    """Were that so with all workers, a round might forget what they had accepted.

    That of an epoch before is over.
    """
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store, worker = await idle(lone), lone.worker
        worker.store.changes_in(store).write_vote(Vote(epoch, Ballot(3, "beta")))
        store.close()
        worker.checkpoints = None
        if epoch == 0:
            await calls.open_store(worker, worker.turns.take())
            return
        with pytest.raises(WallaroodError, match="which the disk did not tell") as caught:
            await calls.read_holdings(worker, worker.turns.take(), attempt="7")
        assert caught.value.exit_code == 70, "the service manager starts it again"
        assert not any(isinstance(each, HoldingsRead) for each in worker.posted)


async def test_a_call_that_writes_nothing_does_not_say_that_the_disk_has_room_again(
    tmp_path: Path,
) -> None:
    """Each abandoned checkpoint is discarded, which writes nothing if no part of it is there."""
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await idle(lone)
        lone.worker.part_problem = "checkpoints.db: disk I/O error"
        await calls.discard(lone.worker, lone.worker.turns.take(), ours=ROUND, number=900)
        assert lone.worker.disk_problem == "checkpoints.db: disk I/O error"


async def test_a_refused_call_that_is_needed_no_more_does_not_say_so_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that the disk has refused is not written later, if its owner sends it anew."""
    monkeypatch.setattr(calls, "WRITE_AGAIN_S", 0.01)
    refusals = [CannotCreateError("checkpoints.db: full, for a copy, too")]

    def call(_: CheckpointStore) -> None:
        if refusals:
            raise refusals.pop()

    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await idle(lone)
        lone.worker.part_problem = "checkpoints.db: disk I/O error"
        await calls.stored(lone.worker, lone.worker.turns.take(), call)
        assert lone.worker.disk_problem == "checkpoints.db: disk I/O error"


async def test_what_the_store_cannot_do_without_ends_this_worker(tmp_path: Path) -> None:
    def read() -> None:
        raise DamagedStateError("checkpoint 3 is damaged")

    async def damaged(worker: Worker, turn: Turn) -> None:
        await worker.turns.run(turn, read)

    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        await idle(lone)
        calls.in_turn(lone.worker, damaged)
        await lone.until(lambda: lone.worker.node.failure)
        assert lone.worker.node.failure is not None
        assert "checkpoint 3 is damaged" in lone.worker.node.failure.message


async def test_a_checkpoint_that_is_dropped_is_kept_no_longer(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="1h") as lone:
        store = await idle(lone)
        keep(store, "mine", 0)
        await calls.drop_kept(lone.worker, lone.worker.turns.take(), name="mine")
        assert store.kept == {}
