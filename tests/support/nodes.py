"""Nodes of a cluster: the only worker of one, and the second of two."""

from typing import Any

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
from wallarood.model.ids import Address, Incarnation
from wallarood.model.topology import Topology

HERE = Address("127.0.0.1", 1)
PAIR = ("alpha", "beta")
ALPHA = 1
STARTS_AT = CheckpointId(0, 0)


def member(name: str) -> say.Member:
    """A worker in its first life."""
    return say.Member(name, HERE, HERE, Incarnation(1, name))


def founding(name: str, count: int) -> FormationSettings:
    """What a worker of a cluster of *count* was configured with."""
    return FormationSettings(
        member(name), f"nonce {name}", "app", ("application app",), count, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip


def record(name: str, state: RecordState = RecordState.STARTED) -> ClusterRecord:
    """What is on its disk."""
    topology = Topology(1, "app", PAIR, (), ())
    members = tuple(map(member, PAIR))
    return ClusterRecord("wc-1", state, name, "alpha", ("application app",), topology, members)


def of(kind: type, effects: list[ShellEffect]) -> list[Any]:
    """The effects of *kind*."""
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
    """What the node does with what the leader says."""
    return node.step(on.ConnectionMessage(ALPHA, message), 0.0)


def running_beta(**settings: Any) -> ClusterNode:
    """The same in round 7."""
    node = beta(**settings)
    says(node, say.Collect("1"))
    node.step(on.HoldingsRead(say.Holdings("1", 0, (STARTS_AT,), STARTS_AT, 0, 0)), 0.0)
    says(node, say.RoundProposal("1", 7, STARTS_AT, 0, tuple(map(member, PAIR)), 0))
    node.step(on.RoundWritten(7), 0.0)
    says(node, say.Resume(7))
    assert node.state is WorkerState.RUNNING
    return node
