"""Workers as the machines of formation see them: who they are, and what they propose."""

from typing import Any

import attrs

from wallarood.control.effects import Effect, SendOnConnection
from wallarood.control.events import ConnectionMessage
from wallarood.control.formation.founding import FormationSettings, prepared, propose
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import ControlMessage, Join, Member, Proposal
from wallarood.model.topology import Topology

HERE = Address("127.0.0.1", 1)


def member(name: str, starts: int = 1) -> Member:
    """A worker in its first life, or another."""
    return Member(name, HERE, HERE, Incarnation(starts, name))


def founding(name: str, **options: Any) -> FormationSettings:
    """A worker of a cluster of three that deals work in the order of names."""
    made = FormationSettings(
        member(name), f"nonce-{name}", "app", (), 3, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip
    return attrs.evolve(made, **options)


def join(name: str, starts: int = 1, **options: Any) -> Join:
    """How such a worker asks; another life has another nonce."""
    asks = founding(name).join(nonce=f"nonce-{name}-{starts}")
    return attrs.evolve(asks, member=member(name, starts), **options)


def proposal(*names: str) -> Proposal:
    """The cluster of *names*, which the first of them proposes."""
    first, *others = names
    joins = [founding(name).join(nonce=f"nonce-{name}") for name in others]
    return propose(founding(first), f"nonce-{first}", joins)


def record(of: str, *names: str, state: RecordState = RecordState.PREPARED) -> ClusterRecord:
    """What worker *of* has on disk of that cluster."""
    return attrs.evolve(prepared(founding(of), proposal(*names)), state=state)


def said(connection: int, message: ControlMessage) -> ConnectionMessage:
    """A message that comes in."""
    return ConnectionMessage(connection, message)


def sent(effects: list[Effect]) -> list[tuple[int, ControlMessage]]:
    """What is sent, and on which connections."""
    return [
        (each.connection, each.message) for each in effects if isinstance(each, SendOnConnection)
    ]
