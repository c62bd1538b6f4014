"""The node: what one event leads to on this worker, in one step, in order, and stamped."""

from typing import Any

import pytest

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.effects import ShellEffect
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.settings import NodeSettings
from wallarood.control.worker_state import WorkerState
from wallarood.model import messages as say
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import CannotCreateError, KeyRefusedError
from wallarood.model.ids import Address, Incarnation
from wallarood.model.topology import Topology

HERE = Address("127.0.0.1", 1)
PAIR = ("alpha", "beta")
ALPHA = 1
STARTS_AT = CheckpointId(0, 0)


def member(name: str) -> say.Member:
    return say.Member(name, HERE, HERE, Incarnation(1, name))


def founding(name: str, count: int) -> FormationSettings:
    return FormationSettings(
        member(name), f"nonce {name}", "app", ("application app",), count, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip


def record(name: str, state: RecordState = RecordState.STARTED) -> ClusterRecord:
    topology = Topology(1, "app", PAIR, (), ())
    members = tuple(map(member, PAIR))
    return ClusterRecord("wc-1", state, name, "alpha", ("application app",), topology, members)


def of(kind: type, effects: list[ShellEffect]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


def alone(**settings: Any) -> ClusterNode:
    """The node of a cluster of one, in its first round."""
    node = ClusterNode(
        founding("alpha", 1), Role.INITIALIZER, None, settings=NodeSettings(**settings), now=0.0
    )
    (reading,) = of(do.ReadHoldings, node.begin(0.0))
    holdings = say.Holdings(reading.attempt, 0, (STARTS_AT,), STARTS_AT, 0, 0)
    (writing,) = of(do.WriteRound, node.step(on.HoldingsRead(holdings), 0.0))
    node.step(on.RoundWritten(writing.proposal.round), 0.0)
    assert node.state is WorkerState.RUNNING
    return node


def beta(state: RecordState = RecordState.STARTED, **settings: Any) -> ClusterNode:
    """The node of the second of two, that has come back and is attached to the leader."""
    made = NodeSettings(**settings)
    node = ClusterNode(
        founding("beta", 2), Role.JOINER, record("beta", state), settings=made, now=0
    )
    node.begin(0.0)
    node.step(on.ConnectionOpened(ALPHA, "alpha"), 0.0)
    node.step(on.ConnectionMessage(ALPHA, say.Attached(member("alpha"))), 0.0)
    return node


def says(node: ClusterNode, message: say.ControlMessage) -> list[ShellEffect]:
    return node.step(on.ConnectionMessage(ALPHA, message), 0.0)


def running_beta(**settings: Any) -> ClusterNode:
    node = beta(**settings)
    says(node, say.Collect("1"))
    node.step(on.HoldingsRead(say.Holdings("1", 0, (STARTS_AT,), STARTS_AT, 0, 0)), 0.0)
    says(node, say.RoundProposal("1", 7, STARTS_AT, 0, tuple(map(member, PAIR)), 0))
    node.step(on.RoundWritten(7), 0.0)
    says(node, say.Resume(7))
    assert node.state is WorkerState.RUNNING
    return node


def test_a_cluster_of_one_forms_and_asks_itself_what_it_holds_in_the_first_step() -> None:
    node = ClusterNode(
        founding("alpha", 1), Role.INITIALIZER, None, settings=NodeSettings(), now=0.0
    )
    effects = node.begin(0.0)
    states = [effect.record.state for effect in of(do.Persist, effects)]
    assert states == [RecordState.PREPARED, RecordState.COMMITTED]
    kinds = [type(effect) for effect in effects]
    assert kinds.index(do.Formed) < kinds.index(do.ReadHoldings)


def test_what_a_worker_says_to_itself_never_leaves_it() -> None:
    effects = alone().step(on.CheckpointWanted(say.RequestCheckpoint(say.Purpose.ASKED)), 1.0)
    assert effects == [do.TakeBarrier(1, say.Purpose.ASKED, "")]


def test_a_request_for_a_checkpoint_goes_to_the_leader() -> None:
    asked = say.RequestCheckpoint(say.Purpose.ASKED, "before the upgrade")
    (sent,) = running_beta().step(on.CheckpointWanted(asked), 1.0)
    assert (sent.connection, sent.message) == (ALPHA, asked)


def test_a_message_carries_cluster_epoch_and_the_round_that_was_so_when_it_was_said() -> None:
    node = beta()
    says(node, say.Collect("1"))
    answer = node.step(on.HoldingsRead(say.Holdings("1", 0, (), STARTS_AT, 0, 0)), 0.0)
    (before,) = of(do.SendOnConnection, answer)
    assert (before.stamp.cluster_id, before.stamp.epoch, before.stamp.round) == ("wc-1", 1, 0)
    (later,) = running_beta().step(on.SnapshotWritten(1, 9), 1.0)
    assert later.stamp.round == 7


def test_a_round_is_on_record_before_it_begins_and_sources_are_held_or_let_go_after_it() -> None:
    node = ClusterNode(
        founding("alpha", 1), Role.INITIALIZER, None, settings=NodeSettings(), now=0.0
    )
    (reading,) = of(do.ReadHoldings, node.begin(0.0))
    holdings = say.Holdings(reading.attempt, 0, (STARTS_AT,), STARTS_AT, 0, 0)
    node.step(on.HoldingsRead(holdings), 0.0)
    kinds = [type(effect) for effect in node.step(on.RoundWritten(1), 0.0)]
    kinds = [kind for kind in kinds if kind in (do.Persist, do.BeginRound, do.ResumeSources)]
    assert kinds == [do.Persist, do.BeginRound, do.ResumeSources]


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


# ---- operators -----------------------------------------------------------------------------------


def test_a_shutdown_asks_for_a_checkpoint_and_does_without_it_when_its_time_is_over() -> None:
    node = alone()
    assert node.step(on.ShutdownWanted(3.0), 1.0) == [do.TakeBarrier(1, say.Purpose.SHUTDOWN, "")]
    assert of(do.StopOrderly, node.step(on.TimerFired(), 3.9)) == []
    assert node.deadline is not None
    assert node.deadline <= 4.0
    assert of(do.StopOrderly, node.step(on.TimerFired(), 4.0)) == [do.StopOrderly()]
    assert of(do.StopOrderly, node.step(on.TimerFired(), 9.0)) == []
    node.step(on.OutputPublished(), 9.0)
    assert node.state is WorkerState.FINISHED


def test_a_shutdown_before_the_first_round_waits_for_no_checkpoint() -> None:
    told, stop = beta().step(on.ShutdownWanted(3.0), 1.0)
    assert isinstance(told, do.SendOnConnection)
    assert told.message == say.ShutDown()
    assert stop == do.StopOrderly()


def test_a_worker_that_may_stop_at_once_is_told_so() -> None:
    assert beta().step(on.StopWanted(), 1.0) == [do.ReadyToLeave()]


def test_a_changed_interval_counts_from_the_next_checkpoint_on() -> None:
    node = alone()
    node.step(on.TimingChanged(50.0, 60.0), 1.0)
    node.step(on.TimerFired(), 5.0)
    node.step(on.SnapshotWritten(1, 9), 6.0)
    assert node.active_round is not None
    assert node.active_round.checkpoint_leader is not None
    assert node.active_round.checkpoint_leader.deadline == 55.0


def test_a_question_about_status_goes_to_the_others_and_one_of_theirs_to_the_shell() -> None:
    node = beta()
    (asked,) = node.step(on.StatusAsked(4), 1.0)
    assert isinstance(asked, do.SendOnConnection)
    assert asked.message == say.StatusWanted(4)
    assert says(node, say.StatusWanted(9)) == [do.HandToStatus("alpha", say.StatusWanted(9))]
    (answer,) = node.step(on.StatusGiven("alpha", 9, "{}"), 1.0)
    assert isinstance(answer, do.SendOnConnection)
    assert answer.message == say.StatusTold(9, "{}")


# ---- ends ----------------------------------------------------------------------------------------


def test_whoever_ends_by_failure_says_which() -> None:
    node = running_beta()
    assert node.step(on.HostFailed(CannotCreateError("disk full")), 1.0) == []
    assert node.state is WorkerState.FAILED
    (told,) = node.step(on.LeaveWanted(), 1.0)
    assert isinstance(told, do.SendOnConnection)
    assert told.message == say.Leaving(False, "disk full", CannotCreateError.exit_code)


def test_a_refused_key_ends_a_worker_only_before_it_has_a_cluster() -> None:
    refused = on.KeyRefused(KeyRefusedError("wrong key"))
    node = beta()
    node.step(refused, 1.0)
    assert node.failure is None
    joiner = ClusterNode(founding("beta", 2), Role.JOINER, None, settings=NodeSettings(), now=0.0)
    joiner.begin(0.0)
    joiner.step(refused, 1.0)
    assert joiner.state is WorkerState.FAILED


def test_a_worker_that_has_published_does_not_wait_for_ever_for_peers_that_may_have_ended() -> None:
    waits = beta(RecordState.PUBLISHED, exit_on_completion=True)
    waits.step(on.TimerFired(), 60.0)
    assert waits.state is WorkerState.FAILED
    stays = beta(RecordState.PUBLISHED)
    stays.step(on.TimerFired(), 60.0)
    assert stays.state is WorkerState.RECOVERING


def test_a_worker_at_an_older_epoch_records_the_newer_topology_and_begins_again() -> None:
    node, newer = beta(), Topology(2, "app", PAIR, (), ())
    effects = says(node, say.NewTopology(newer, tuple(map(member, PAIR))))
    (persisted,) = of(do.Persist, effects)
    assert persisted.record.topology == newer
    assert node.state is WorkerState.OUTDATED
