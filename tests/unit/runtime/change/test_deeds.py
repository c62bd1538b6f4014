"""Effects of a change: durable before they are reported, and ended by what comes after."""

from pathlib import Path

import attrs
import pytest
from support.lone import endless, lone_worker
from support.retained import keep

from wallarood.control.change import effects as do
from wallarood.control.change.events import VoteWritten
from wallarood.control.change.newcomer import Newcomer
from wallarood.flow.state.keyed import KeyedState
from wallarood.model.change import Change, Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address, Ballot
from wallarood.model.staging import StagedChange, StagedPart
from wallarood.planning.change import replan
from wallarood.runtime.change.deeds import perform_change
from wallarood.runtime.change.kept import KeptState
from wallarood.storage.state_directory import open_state_directory


async def test_a_vote_is_on_disk_before_it_is_said_to_be(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        lone.worker.round.scope.cancel()  # type: ignore[union-attr]
        vote = Vote(1, Ballot(1, "alpha"))
        perform_change(lone.worker, do.WriteVote(vote))
        await lone.worker.turns.wait_idle()
        assert lone.worker.store.changes_in(lone.worker.checkpoints).vote() == vote


async def test_what_is_for_the_daemon_and_for_operators_is_left_where_they_look(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        change = lone.worker.change
        aside, told = do.SetAside("alpha has left", 0), do.TellOperator("r", True, "taken up")
        for effect in (aside, told, do.SeekAt(Address("other", 7))):
            perform_change(lone.worker, effect)
        assert change.set_aside == aside
        assert list(change.answers) == [told]
        assert change.sought == Address("other", 7)


async def test_a_written_vote_is_reported(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False, worker__cluster_id="auto") as lone:
        lone.worker.store.create_checkpoints("wc-1")
        lone.worker.checkpoints = lone.worker.store.open_checkpoints("wc-1")
        vote = Vote(1, Ballot(2, "alpha"))
        perform_change(lone.worker, do.WriteVote(vote))
        await lone.until(lambda: lone.worker.posted)
        assert lone.worker.posted.popleft() == VoteWritten(vote)


async def test_kept_checkpoints_go_with_a_change_and_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="50ms") as lone:
        await lone.running()
        worker = lone.worker
        store, record = worker.checkpoints, worker.node.record
        assert store is not None
        assert record is not None
        await lone.until(lambda: store.committed.number > 1)
        worker.round.scope.cancel()  # type: ignore[union-attr]
        await worker.round.ended.wait()  # type: ignore[union-attr]
        await worker.turns.wait_idle()
        keep(store, "monday", store.committed.number)
        topology = replan(worker.application, record.topology, ("alpha",), epoch=2)
        change = Change(
            2, record.members, (), topology, record.fingerprint, store.committed, 1, 9, 0
        )
        after = attrs.evolve(record, topology=topology, change=change)
        ballot = Ballot(1, "alpha")
        perform_change(worker, do.StageChange(ballot, after, record.topology, record.members))
        await lone.until(lambda: worker.store.look_at_changes().staged)
        await lone.until(lambda: worker.change.kept)
        kept = worker.change.kept
        assert kept is not None
        kept.states["sum"] = KeptState(KeyedState("sum", int))
        perform_change(worker, do.AdoptChange(after))
        await lone.until(lambda: store.round == 9)
        await lone.until(lambda: not kept.states)
        assert kept.begin(change.basis, change) >= {"sum"}, "it is made ready meanwhile"
        await worker.turns.wait_idle()
        loaded = worker.store.load_record()
        assert loaded is not None
        assert loaded.topology.epoch == 2
        await lone.until(lambda: "'monday'" in capsys.readouterr().out)


async def staged_by_a_newcomer(directory: Path) -> ClusterRecord:
    """beta has staged what it has in a cluster, and has ended before it heard of a decision."""
    async with lone_worker(directory / "alpha", endless([])) as alpha:
        await alpha.running()
        record = alpha.worker.node.record
        assert record is not None
    topology = replan(endless([]), record.topology, ("alpha", "beta"), epoch=2)
    basis = CheckpointId(0, 0)
    beta = attrs.evolve(record.members[0], name="beta")
    members = (*record.members, beta)
    change = Change(2, members, (), topology, record.fingerprint, basis, 1, 4, 0)
    after = attrs.evolve(record, worker="beta", topology=topology, members=members, change=change)
    state = open_state_directory(directory / "beta" / "state")
    state.create_checkpoints(record.cluster_id)
    store = state.open_checkpoints(record.cluster_id)
    rows = state.changes_in(store)
    part = StagedPart(rows.begin(), basis, (), (), ())
    rows.finish(StagedChange(Ballot(1, "alpha"), after, record.topology, record.members, part))
    store.close()
    state.close()
    return after


async def test_a_newcomer_in_doubt_adopts_what_it_has_staged_in_a_former_life(
    tmp_path: Path,
) -> None:
    after = await staged_by_a_newcomer(tmp_path)
    named = {"worker__name": "beta", "worker__join": True}
    async with lone_worker(tmp_path / "beta", endless([]), driven=False, **named) as lone:
        assert isinstance(lone.worker.node.machines.formation, Newcomer)
        assert lone.worker.checkpoints is None
        perform_change(lone.worker, do.AdoptChange(after))
        await lone.until(lambda: lone.worker.store.load_record() == after)


async def test_a_newcomer_in_doubt_forgets_what_will_never_be(tmp_path: Path) -> None:
    await staged_by_a_newcomer(tmp_path)
    named = {"worker__name": "beta", "worker__join": True}
    async with lone_worker(tmp_path / "beta", endless([]), driven=False, **named) as lone:
        for _ in range(2):
            perform_change(lone.worker, do.Unstage(2))
            await lone.until(lambda: not lone.worker.store.look_at_changes().staged)
            await lone.worker.turns.wait_idle()
