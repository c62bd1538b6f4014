"""Workers as the machines of `control` see them: what they are, say and have on disk; whole nodes.

Nodes are the only worker of a cluster of one, and the second of two.
"""

from collections.abc import Sequence
from typing import Any

import attrs

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.effects import ShellEffect
from wallarood.control.formation.founding import FormationSettings, prepared, propose
from wallarood.control.formation.startup import Role
from wallarood.control.node import ClusterNode
from wallarood.control.settings import NodeSettings
from wallarood.control.worker_state import WorkerState
from wallarood.model import messages as say
from wallarood.model.change import Change, Gone
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.topology import Topology

HERE = Address("127.0.0.1", 1)
PAIR = ("alpha", "beta")
ALPHA = 1
STARTS_AT = CheckpointId(0, 0)


def member(name: str, starts: int = 1) -> say.Member:
    """A worker in its first life, or another."""
    return say.Member(name, HERE, HERE, Incarnation(starts, name))


def founding(name: str, **options: Any) -> FormationSettings:
    """A worker of a cluster of three that deals work in the order of names."""
    made = FormationSettings(
        member(name), f"nonce-{name}", "app", (), 3, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip
    return attrs.evolve(made, **options)


def join(name: str, starts: int = 1, **options: Any) -> say.Join:
    """How such a worker asks; another life has another nonce."""
    asks = founding(name).join(nonce=f"nonce-{name}-{starts}")
    return attrs.evolve(asks, member=member(name, starts), **options)


def proposal(*names: str) -> say.Proposal:
    """The cluster of *names*, which the first of them proposes."""
    first, *others = names
    joins = [founding(name).join(nonce=f"nonce-{name}") for name in others]
    return propose(founding(first), f"nonce-{first}", joins)


def record(of: str, *names: str, state: RecordState = RecordState.PREPARED) -> ClusterRecord:
    """What worker *of* has on disk of that cluster."""
    return attrs.evolve(prepared(founding(of), proposal(*names)), state=state)


def changed(
    before: ClusterRecord, *workers: str, gone: tuple[Gone, ...] = (), epochs: int = 1
) -> Change:
    """The change by which the cluster of *before* becomes one of *workers*."""
    epoch = before.topology.epoch + epochs
    members = tuple(member(name) for name in workers)
    topology = attrs.evolve(before.topology, epoch=epoch, workers=workers)
    return Change(epoch, members, gone, topology, before.fingerprint, STARTS_AT, 1, 1, 0)


def said(connection: int, message: say.ControlMessage) -> on.ConnectionMessage:
    """A message that comes in."""
    return on.ConnectionMessage(connection, message)


def sent(effects: Sequence[object]) -> list[tuple[int, say.ControlMessage]]:
    """What is sent, and on which connections."""
    return [
        (each.connection, each.message) for each in effects if isinstance(each, do.SendOnConnection)
    ]


def failure(effects: Sequence[object]) -> Exception:
    """Why a machine ends."""
    (error,) = [each.error for each in effects if isinstance(each, do.Fail)]
    return error


def of(kind: type, effects: Sequence[object]) -> list[Any]:
    """The effects of *kind*."""
    return [effect for effect in effects if isinstance(effect, kind)]


def alone(**settings: Any) -> ClusterNode:
    """The node of a cluster of one, in its first round."""
    node = ClusterNode(
        founding("alpha", worker_count=1),
        Role.INITIALIZER,
        None,
        settings=NodeSettings(**settings),
        now=0.0,
    )
    (reading,) = of(do.ReadHoldings, node.begin(0.0))
    holdings = say.Holdings(reading.attempt, 0, (STARTS_AT,), STARTS_AT, 0, 0)
    (writing,) = of(do.WriteRound, node.step(on.HoldingsRead(holdings), 0.0))
    node.step(on.RoundWritten(writing.proposal.round), 0.0)
    assert node.state is WorkerState.RUNNING
    return node


def beta(state: RecordState = RecordState.STARTED, **settings: Any) -> ClusterNode:
    """The node of the second of two, that has come back and is attached to the leader."""
    node = ClusterNode(
        founding("beta", worker_count=2),
        Role.JOINER,
        record("beta", *PAIR, state=state),
        settings=NodeSettings(**settings),
        now=0,
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
