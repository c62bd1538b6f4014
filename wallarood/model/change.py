"""The step from one epoch of a cluster to the next: who is in it, and what it goes on from."""
# Theory of operation
# ===================
# A change is one value. It is decided by consensus of the members of the epoch before, each of
# which keeps one vote: the highest ballot that it has promised to heed, and the change that it has
# accepted. The whole of it is in `wallarood.control.change`.

from enum import Enum

import attrs

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_BALLOT, Ballot, Member, Seat, WorkerName, are_same
from wallarood.model.topology import Topology


class Why(Enum):
    """Why a seat is no longer in the cluster."""

    LEFT = "left"
    EVICTED = "evicted"
    REPLACED = "replaced"


class Trust(Enum):
    """Whether a state directory is what was last written to it."""

    WHOLE = "whole"
    RESTORED = "restored"
    """It is a copy, or its vote is damaged: it may have forgotten what it has promised."""


WAY_BACK = "the version before"
"""What `Member.version` is where the version before the last upgrade runs."""
ORDERED_BACK = "the version before, as ordered"
"""The same, where the worker knows of an order to go back to it."""
GOING_BACK = (WAY_BACK, ORDERED_BACK)


class ChangeKind(Enum):
    """What is asked for."""

    GROW = "grow"
    SHRINK = "shrink"
    EVICT = "evict"
    REPLACE = "replace"
    UPGRADE = "upgrade"
    BACK = "upgrade --back"

    @property
    def needs_all(self) -> bool:
        """Whether all members must be there, not only those that stay."""
        return self not in (ChangeKind.EVICT, ChangeKind.REPLACE)

    @property
    def freezes(self) -> bool:
        """Whether it begins with a checkpoint after which sources stand still."""
        return self in (ChangeKind.GROW, ChangeKind.SHRINK)


@attrs.frozen
class Gone:
    """A seat that is not in the new epoch. One that is *certified* dead has no vote either."""

    name: WorkerName
    seat: Seat
    why: Why
    certified: bool = False


@attrs.frozen
class Departed:
    """A seat that is in the cluster no more, since *epoch*, and why."""

    name: WorkerName
    seat: Seat
    why: Why
    epoch: int


@attrs.frozen
class Heir:
    """Who takes over what a seat had that cannot be dealt out: writers of sinks, journals."""

    lost: WorkerName
    seat: Seat
    heir: WorkerName


@attrs.frozen
class PartName:
    """The name of one worker's part of a checkpoint: parts are compared by the whole of it.

    `layout` is the epoch whose topology says what *owner* has in it.
    """

    layout: int
    owner: WorkerName
    round: int
    number: int


@attrs.frozen
class Change:
    """Epoch *epoch*: its members, its topology, and the checkpoint that it goes on from.

    `round` is the highest that was reported, + 1: the rounds of the new epoch are higher. `layout`
    is the epoch whose topology says who owns which part of *basis*. `gone` are the seats that the
    epoch before had and this one has not.
    """

    epoch: int
    members: tuple[Member, ...]
    gone: tuple[Gone, ...]
    topology: Topology
    fingerprint: tuple[str, ...]
    basis: CheckpointId
    layout: int
    round: int
    line: int
    heirs: tuple[Heir, ...] = ()

    @property
    def workers(self) -> tuple[WorkerName, ...]:
        """The names of the members."""
        return tuple(member.name for member in self.members)

    def lost_to(self, heir: WorkerName) -> tuple[WorkerName, ...]:
        """Those that *heir* is the heir of: not of one that has left in order, nor of itself."""
        left = {heir, *(each.name for each in self.gone if each.why is Why.LEFT)}
        return tuple(e.lost for e in self.heirs if e.heir == heir and e.lost not in left)

    def has(self, member: Member) -> bool:
        """Whether *member* is in the new epoch: the same name in the same seat."""
        same = (each for each in self.members if each.name == member.name)
        return any(are_same(each.seat, member.seat) for each in same)


@attrs.frozen
class Vote:
    """What a worker has promised and accepted in *epoch*, the one that it is in.

    `accepted` is the ballot at which it has accepted *change*; None if it has accepted none.
    """

    epoch: int
    promised: Ballot = NO_BALLOT
    accepted: Ballot | None = None
    change: Change | None = None
