"""What an operator, the configuration and the host want of a worker, and what comes of it."""

import pytest
from support.nodes import ALPHA, alone, beta, founding, of, running_beta, says

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.settings import NodeSettings
from wallarood.control.worker_state import WorkerState
from wallarood.model import messages as say
from wallarood.model.errors import ApplicationError, CannotCreateError, KeyRefusedError


def unformed_beta() -> ClusterNode:
    return ClusterNode(
        founding("beta", worker_count=2), Role.JOINER, None, settings=NodeSettings(), now=0.0
    )


def test_a_request_for_a_checkpoint_goes_to_the_leader() -> None:
    asked = say.RequestCheckpoint(say.Purpose.ASKED, "before the upgrade")
    (sent,) = running_beta().step(on.CheckpointWanted(asked), 1.0)
    assert (sent.connection, sent.message) == (ALPHA, asked)


def test_a_shutdown_asks_for_a_checkpoint_and_does_without_it_when_its_time_is_over() -> None:
    node = alone()
    assert node.step(on.ShutdownWanted(3.0), 1.0) == [do.TakeBarrier(1, say.Purpose.SHUTDOWN, "")]
    assert of(do.StopOrderly, node.step(on.TimerFired(), 3.9)) == []
    assert node.deadline is not None
    assert node.deadline <= 4.0
    ended = node.step(on.TimerFired(), 4.0)
    assert of(do.StopOrderly, ended) == [do.StopOrderly()]
    (said,) = of(do.Report, ended)
    assert "the cluster ends without one" in said.text
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
    joiner = ClusterNode(
        founding("beta", worker_count=2), Role.JOINER, None, settings=NodeSettings(), now=0.0
    )
    joiner.begin(0.0)
    joiner.step(refused, 1.0)
    assert joiner.state is WorkerState.FAILED


def test_a_checkpoint_can_be_asked_for_only_while_records_flow() -> None:
    asked = on.CheckpointWanted(say.RequestCheckpoint(say.Purpose.ASKED))
    assert beta().step(asked, 1.0) == []


def test_a_failure_of_the_job_is_told_to_all_before_this_worker_ends() -> None:
    node = running_beta()
    (told,) = node.step(on.JobBroke(ApplicationError("step 'f' failed")), 1.0)
    assert isinstance(told, do.SendOnConnection)
    assert told.message == say.JobFailed("beta", "step 'f' failed", ApplicationError.exit_code)
    assert node.state is WorkerState.FAILED


def test_trouble_of_its_own_ends_this_worker_and_no_other() -> None:
    node = running_beta()
    assert node.step(on.JobBroke(CannotCreateError("disk full")), 1.0) == []
    assert node.state is WorkerState.FAILED
    assert isinstance(node.failure, CannotCreateError)


def test_who_leaves_in_an_orderly_way_says_so() -> None:
    (told,) = running_beta().step(on.LeaveWanted(), 1.0)
    assert told.message == say.Leaving(False)


def test_a_kept_checkpoint_is_dropped_on_all_workers() -> None:
    effects = running_beta().step(on.DropWanted("monday"), 1.0)
    assert do.ForgetKept("monday") in effects
    (told,) = of(do.SendOnConnection, effects)
    assert (told.connection, told.message) == (ALPHA, say.DropKept("monday"))


def test_before_there_is_a_cluster_nobody_has_to_be_told() -> None:
    def forming() -> ClusterNode:
        node = ClusterNode(
            founding("beta", worker_count=2), Role.JOINER, None, settings=NodeSettings(), now=0.0
        )
        node.begin(0.0)
        return node

    node = forming()
    assert node.step(on.ShutdownWanted(3.0), 1.0) == []
    assert node.state is WorkerState.FINISHED
    for order in (on.LeaveWanted(), on.JobBroke(ApplicationError("x"))):
        node = forming()
        assert node.step(order, 1.0) == []
        assert node.state is WorkerState.FORMING


@pytest.mark.parametrize("missing", [True, False])
def test_a_shutdown_waits_for_no_checkpoint_that_there_cannot_be(missing: bool) -> None:
    node = running_beta()
    if missing:
        node.step(on.ConnectionLost(ALPHA), 1.0)
    effects = node.step(on.ShutdownWanted(3.0), 1.0)
    assert bool(of(do.StopOrderly, effects)) is missing
    asked = [each.message for each in of(do.SendOnConnection, effects)]
    expected = [] if missing else [say.RequestCheckpoint(say.Purpose.SHUTDOWN)]
    assert asked == expected
