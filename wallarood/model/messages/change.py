"""How a cluster changes: what is asked for, and how it is staged, accepted and decided."""

from typing import TypeAlias

import attrs

from wallarood.model.change import Change, ChangeKind, Departed
from wallarood.model.ids import Address, Ballot, ClusterId, Incarnation, Member, Seat, WorkerName
from wallarood.model.topology import Topology


@attrs.frozen
class ChangeRequest:
    """A change is asked for; *name* tells it from others. *joiner* is who wants to join.

    `names` are the workers that it is about. `certified` says that an operator knows them dead;
    `lose_output` that output which only they could publish may be lost; `back_to` that the cluster
    may go back to this checkpoint, though a higher one is known committed.
    """

    name: str
    kind: ChangeKind
    names: tuple[WorkerName, ...]
    joiner: Member | None = None
    certified: bool = False
    lose_output: bool = False
    back_to: int | None = None


@attrs.frozen
class ChangeAnswered:
    """What has become of a request: it is *taken* up, or not, and why."""

    name: str
    taken: bool
    text: str


@attrs.frozen
class JoinRunning:
    """A worker asks any member of a cluster that runs to be taken into it.

    `staged` is the epoch that it has staged and waits to hear of; 0 if it has staged none.
    """

    member: Member
    application: str
    fingerprint: tuple[str, ...]
    protocol: int
    cluster_id: ClusterId | None = None
    staged: int = 0


@attrs.frozen
class AskThere:
    """The receiver's request to join is to be made at *control*, to the one that proposes."""

    cluster_id: ClusterId
    control: Address


@attrs.frozen
class CopyAhead:
    """The receiver may copy, while records flow, what it is to take over in *topology*.

    *name* tells the request from others; `previous` and `old_members` are as those of `Stage`.
    """

    name: str
    cluster_id: ClusterId
    topology: Topology
    previous: Topology
    old_members: tuple[Member, ...]


@attrs.frozen
class CopiedAhead:
    """The *worker* has copied what it could: what has changed since is left for later."""

    name: str
    worker: WorkerName


@attrs.frozen
class Stage:
    """The receiver is to make durable what it has in the epoch of *change*, before that is so.

    `previous` is the topology of the epoch before, and `old_members` are those who have its parts.
    """

    ballot: Ballot
    cluster_id: ClusterId
    initializer: WorkerName
    change: Change
    previous: Topology
    old_members: tuple[Member, ...]


@attrs.frozen
class Staged:
    """The sender, in its seat, could begin in the new epoch from its disk; or not: *problem*."""

    ballot: Ballot
    name: WorkerName
    seat: Seat
    problem: str = ""


@attrs.frozen
class Accept:
    """The receiver is to accept *change*, unless it has promised to heed a higher ballot."""

    ballot: Ballot
    change: Change


@attrs.frozen
class Accepted:
    """The sender has accepted the change at this ballot, and takes part in nothing older."""

    ballot: Ballot


@attrs.frozen
class Outbid:
    """The sender has promised to heed *promised*, which is higher than what it was sent."""

    promised: Ballot


@attrs.frozen
class Decided:
    """The cluster has become what *change* says. Only what is decided is ever told so.

    `departed` is how the receiver went before that, where the sender knows.
    """

    cluster_id: ClusterId
    change: Change
    departed: Departed | None = attrs.field(default=None, metadata={"omit_default": True})


@attrs.frozen
class ChangePublished:
    """All sinks of the sender have published the checkpoint that was taken for a change."""

    number: int


@attrs.frozen
class ChangeProgress:
    """How far the change has come that the sender proposes, in words; empty: it is abandoned."""

    ballot: Ballot
    text: str


@attrs.frozen
class Restored:
    """The receiver's directory is a copy: the sender knows a life of its seat that it does not."""

    known: Incarnation


@attrs.frozen
class Misses:
    """For how many seconds the sender has not heard of members that have not said they leave.

    Empty: it hears all. Said only where `cluster.evict-after` is configured.
    """

    silent: tuple[tuple[WorkerName, float], ...]


ChangeMessage: TypeAlias = (
    ChangeRequest
    | ChangeAnswered
    | JoinRunning
    | AskThere
    | CopyAhead
    | CopiedAhead
    | Stage
    | Staged
    | Accept
    | Accepted
    | Outbid
    | Decided
    | ChangePublished
    | ChangeProgress
    | Misses
    | Restored
)
"""All that workers say in this protocol."""
