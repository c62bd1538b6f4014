"""What an operator, the configuration and the host want of a worker."""
# Theory of operation
# ===================
# A shutdown waits for its checkpoint until a deadline, and then does without it. Before there is a
# cluster, no other worker has to be told: this one ends.

from collections.abc import Iterable
from typing import TYPE_CHECKING, assert_never

import attrs

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.worker_state import WorkerState
from wallarood.model import messages as say
from wallarood.model.ids import WorkerName

if TYPE_CHECKING:
    from wallarood.control.node import ClusterNode


def take_order(node: "ClusterNode", event: on.Order, now: float) -> list[do.Effect]:  # noqa: PLR0912
    """Take one event of this kind, return what is to be done about it."""
    membership = node.machines.membership
    match event:
        case on.CheckpointWanted(request):
            return _ask_leader(node, request)
        case on.StopWanted():
            return node.give(event, now) if node.active_round is not None else [do.ReadyToLeave()]
        case on.TimingChanged(interval_s, deadline_s):
            timing = attrs.evolve(
                node.settings.timing,
                checkpoint_interval_s=interval_s,
                checkpoint_deadline_s=deadline_s,
            )
            node.settings = attrs.evolve(node.settings, timing=timing)
            return node.give(event, now)
        case on.ShutdownWanted(wait_s):
            return _shut_down(node, now + wait_s)
        case on.OutputPublished():
            node.ended_as = WorkerState.FINISHED
            return []
        case on.KeyRefused(error):
            return [do.Fail(error)] if membership is None else []
        case on.HostFailed(error):
            return [do.Fail(error)]
        case on.JobBroke(error):
            return membership.fail(error) if membership is not None else []
        case on.LeaveWanted():
            return membership.leave(node.failure) if membership is not None else []
        case on.DropWanted(name):
            return _tell(node.workers, say.DropKept(name))
        case on.StatusAsked(number, query):
            return _tell(node.peers, say.StatusWanted(number, query))
        case on.StatusGiven(asker, number, status):
            return _tell((asker,), say.StatusTold(number, status))
        case _:
            assert_never(event)


def _tell(names: Iterable[WorkerName], message: say.ControlMessage) -> list[do.Effect]:
    return [do.SendToMember(name, message) for name in names]


def _ask_leader(node: "ClusterNode", request: say.RequestCheckpoint) -> list[do.Effect]:
    """A checkpoint out of turn: the leader decides."""
    return _tell(node.workers[:1], request) if node.active_round is not None else []


def _shut_down(node: "ClusterNode", until: float) -> list[do.Effect]:
    """End the cluster: after a checkpoint, if there can be one by then."""
    if node.machines.membership is None:
        node.ended_as = WorkerState.FINISHED
        return []
    node.ends_last = True
    if node.active_round is None or node.missing or node.completed:
        return node.machines.membership.shut_down()
    node.shutdown_at = until
    return _ask_leader(node, say.RequestCheckpoint(say.Purpose.SHUTDOWN))


def end_without_checkpoint(node: "ClusterNode") -> list[do.Effect]:
    """End the cluster whose last checkpoint has not come in time."""
    membership, active = node.machines.membership, node.active_round
    if membership is None:
        return []
    last = active.checkpoint_member.committed if active is not None else 0
    ends = "no checkpoint was committed within the time for a stop: the cluster ends without one"
    goes_on = f", and goes on from checkpoint {last}" if last else ""
    return [do.Report(f"{ends}{goes_on}", do.Level.WARNING), *membership.shut_down()]
