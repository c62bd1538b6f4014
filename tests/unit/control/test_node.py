"""The node: what one event leads to on this worker, in one step, in order, and stamped."""

import attrs
import pytest
from support.nodes import (
    ALPHA,
    PAIR,
    STARTS_AT,
    alone,
    beta,
    changed,
    founding,
    member,
    of,
    record,
    running_beta,
    says,
)

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.change.effects import AdoptChange, SetAside
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.replicas.effects import SeekHolder
from wallarood.control.settings import NodeSettings
from wallarood.control.worker_state import WorkerState
from wallarood.model import messages as say
from wallarood.model.change import Gone, Why
from wallarood.model.cluster_record import RecordState
from wallarood.model.ids import NO_SEAT, Address


def test_a_cluster_of_one_forms_and_asks_itself_what_it_holds_in_the_first_step() -> None:
    node = ClusterNode(
        founding("alpha", worker_count=1), Role.INITIALIZER, None, settings=NodeSettings(), now=0.0
    )
    effects = node.begin(0.0)
    states = [effect.record.state for effect in of(do.Persist, effects)]
    assert states == [RecordState.PREPARED, RecordState.COMMITTED]
    kinds = [type(effect) for effect in effects]
    assert kinds.index(do.Formed) < kinds.index(do.ReadHoldings)


def test_what_a_worker_says_to_itself_never_leaves_it() -> None:
    effects = alone().step(on.CheckpointWanted(say.RequestCheckpoint(say.Purpose.ASKED)), 1.0)
    assert effects == [do.TakeBarrier(1, say.Purpose.ASKED, "")]


def test_a_message_carries_cluster_epoch_and_the_round_that_was_so_when_it_was_said() -> None:
    node = beta()
    says(node, say.Collect("1"))
    answer = node.step(on.HoldingsRead(say.Holdings("1", 0, (), STARTS_AT, 0, 0)), 0.0)
    (before,) = of(do.SendOnConnection, answer)
    cluster = record("beta", *PAIR).cluster_id
    assert (before.stamp.cluster_id, before.stamp.epoch, before.stamp.round) == (cluster, 1, 0)
    (later,) = running_beta().step(on.SnapshotWritten(1, 9), 1.0)
    assert later.stamp.round == 7


def test_a_round_is_on_record_before_it_begins_and_sources_are_held_or_let_go_after_it() -> None:
    node = ClusterNode(
        founding("alpha", worker_count=1), Role.INITIALIZER, None, settings=NodeSettings(), now=0.0
    )
    (reading,) = of(do.ReadHoldings, node.begin(0.0))
    holdings = say.Holdings(reading.attempt, 0, (STARTS_AT,), STARTS_AT, 0, 0)
    node.step(on.HoldingsRead(holdings), 0.0)
    kinds = [type(effect) for effect in node.step(on.RoundWritten(1), 0.0)]
    kinds = [kind for kind in kinds if kind in (do.Persist, do.BeginRound, do.ResumeSources)]
    assert kinds == [do.Persist, do.BeginRound, do.ResumeSources]


def test_where_a_member_has_moved_to_is_known_before_the_round_begins() -> None:
    """It may be the holder of this worker's copies, without which the round does not begin."""
    node = beta(replicas=1)
    says(node, say.Collect("1"))
    node.step(on.HoldingsRead(say.Holdings("1", 0, (STARTS_AT,), STARTS_AT, 0, 0)), 0.0)
    there = Address("127.0.0.2", 9)
    moved = attrs.evolve(member("alpha"), data=there)
    proposal = say.RoundProposal("1", 7, STARTS_AT, 0, (moved, member("beta")), 0)
    assert of(do.WriteRound, says(node, proposal)) == [do.WriteRound(proposal)]
    assert node.known("alpha").data == there
    (seeking,) = of(SeekHolder, node.step(on.RoundWritten(7), 0.0))
    assert seeking.holder == "alpha"


def test_that_the_output_is_published_is_on_record_before_the_leader_hears_it() -> None:
    node = running_beta()
    node.step(on.JobDrained(), 1.0)
    says(node, say.TakeCheckpoint(1, say.Purpose.FINAL))
    says(node, say.CheckpointCommitted(1))
    node.step(on.CommitRecorded(1), 1.0)
    persisted, sent = node.step(on.SinksPublished(1), 1.0)
    assert isinstance(persisted, do.Persist)
    assert persisted.record.state is RecordState.PUBLISHED
    assert isinstance(sent, do.SendOnConnection)
    assert sent.message == say.Published()


def test_nothing_of_a_round_is_taken_after_it_has_been_halted() -> None:
    node = running_beta()
    assert of(do.HaltJob, says(node, say.Collect("2"))) == [do.HaltJob()]
    assert node.active_round is None
    assert node.step(on.SnapshotWritten(1, 9), 1.0) == []


@pytest.mark.parametrize(("exits", "state"), [(False, "completed"), (True, "finished")])
def test_a_job_that_is_done_ends_its_worker_only_if_it_is_told_so(exits: bool, state: str) -> None:
    node = alone(exit_on_completion=exits)
    node.step(on.JobDrained(), 1.0)
    node.step(on.SnapshotWritten(1, 9), 1.0)
    node.step(on.CommitRecorded(1), 1.0)
    effects = node.step(on.SinksPublished(1), 1.0)
    assert effects[-1] == do.JobDone()
    assert node.state.value == state
    assert node.ended is exits


def test_a_worker_that_has_published_does_not_wait_for_ever_for_peers_that_may_have_ended() -> None:
    waits = beta(RecordState.PUBLISHED, exit_on_completion=True)
    waits.step(on.TimerFired(), 60.0)
    assert waits.state is WorkerState.RECOVERING  # all are there: the round takes long
    waits.step(on.ConnectionLost(ALPHA), 70.0)
    waits.step(on.TimerFired(), 119.0)
    assert waits.state is WorkerState.RECOVERING
    waits.step(on.TimerFired(), 120.0)
    assert waits.state is WorkerState.FAILED
    stays = beta(RecordState.PUBLISHED)
    stays.step(on.TimerFired(), 60.0)
    assert stays.state is WorkerState.RECOVERING


def test_a_worker_at_an_older_epoch_adopts_what_was_decided_and_begins_again() -> None:
    node = beta()
    assert node.record is not None
    decided = changed(node.record, *PAIR)
    (adopts,) = of(AdoptChange, says(node, say.Decided(node.record.cluster_id, decided)))
    assert adopts.record.topology == decided.topology
    assert adopts.record.change == decided
    assert node.state is WorkerState.OUTDATED


@pytest.mark.parametrize(
    ("why", "state"), [(Why.LEFT, WorkerState.FINISHED), (Why.EVICTED, WorkerState.FAILED)]
)
def test_a_worker_that_is_no_member_any_longer_puts_its_state_aside_and_ends(
    why: Why, state: WorkerState
) -> None:
    node = beta()
    assert node.record is not None
    decided = changed(node.record, "alpha", gone=(Gone("beta", NO_SEAT, why),))
    effects = says(node, say.Decided(node.record.cluster_id, decided))
    assert len(of(SetAside, effects)) == 1
    assert node.state is state
