"""What the machines of a change want done; see `wallarood.control.effects`."""

from typing import TypeAlias

import msgspec

from wallarood.model.change import Change, Vote
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address, Ballot, ClusterId, Member, WorkerName
from wallarood.model.topology import Topology


class WriteVote(msgspec.Struct, frozen=True):
    """Make a vote durable, in the place of the one before, then report `VoteWritten`."""

    vote: Vote


class StageChange(msgspec.Struct, frozen=True):
    """Make durable, beside what is there, all that this worker has in the epoch of a change.

    Then report `ChangeStaged`, or `StagingFailed`. A newer one ends one that is in progress.
    *record* is what `AdoptChange` would make durable, with the change in it; *previous* and
    *old_members* are those of the epoch before.
    """

    ballot: Ballot
    record: ClusterRecord
    previous: Topology
    old_members: tuple[Member, ...]


class CopyAhead(msgspec.Struct, frozen=True):
    """Copy, while records flow, what this worker is to take over; then report `AheadCopied`.

    A newer one, and a `StageChange`, end one that is in progress. See the message.
    """

    name: str
    cluster_id: ClusterId
    topology: Topology
    previous: Topology
    old_members: tuple[Member, ...]


class AdoptChange(msgspec.Struct, frozen=True):
    """Make the new epoch durable in one transaction, with what is staged of it, and restart.

    In the same: the round, that all above the basis is void, and that there is no vote. The record
    that was staged with it counts: it has more of what was before than *record*.
    """

    record: ClusterRecord


class SetAside(msgspec.Struct, frozen=True):
    """This worker is not in the cluster any more: archive what it has of it, and end.

    With `worker.join` it joins anew as another, by way of *members*; else it ends with *exit_code*.
    """

    reason: str
    exit_code: int
    members: tuple[Member, ...] = ()


class Unstage(msgspec.Struct, frozen=True):
    """What is staged will never be: it may go."""

    epoch: int


class SeekAt(msgspec.Struct, frozen=True):
    """A worker that wants to join is to ask at *control*, until that is not answered."""

    control: Address


class Seek(msgspec.Struct, frozen=True):
    """Dial this member once, though it is not this worker's turn: it is away for long."""

    name: WorkerName


class Distrust(msgspec.Struct, frozen=True):
    """Make durable that the state directory was restored, as another member knows, and *why*."""

    why: str


class TellOperator(msgspec.Struct, frozen=True):
    """What has become of a request that was made here: it is *taken* up, or not, and why."""

    name: str
    taken: bool
    text: str


class FinishChange(msgspec.Struct, frozen=True):
    """All have promised to heed *ballot*, and some have accepted *change*: finish it.

    The node hands it to the machine that proposes changes here.
    """

    ballot: Ballot
    change: Change


OfAChange: TypeAlias = (
    WriteVote
    | CopyAhead
    | StageChange
    | AdoptChange
    | SetAside
    | Unstage
    | Seek
    | SeekAt
    | Distrust
    | TellOperator
)
"""What is left to the shell."""
