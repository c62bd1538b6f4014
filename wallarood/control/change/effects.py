"""What the machines of a change want done; see `wallarood.control.effects`."""

from typing import TypeAlias

import msgspec

from wallarood.model.change import Change, Vote
from wallarood.model.ids import Address, Ballot, ClusterId, WorkerName


class WriteVote(msgspec.Struct, frozen=True):
    """Make a vote durable, in the place of the one before, then report `VoteWritten`."""

    vote: Vote


class StageChange(msgspec.Struct, frozen=True):
    """Make durable, beside what is there, all that this worker has in the epoch of *change*.

    Then report `ChangeStaged`, or `StagingFailed`. A newer one ends one that is in progress. A
    worker that is not in the cluster yet makes a record of it from *cluster_id* and *initializer*.
    """

    ballot: Ballot
    cluster_id: ClusterId
    initializer: WorkerName
    change: Change


class AdoptChange(msgspec.Struct, frozen=True):
    """Make the new epoch durable in one transaction, with what is staged of it, and restart.

    The round, that all above the basis is void, and that there is no vote: all in the same.
    """

    cluster_id: ClusterId
    initializer: WorkerName
    change: Change


class SetAside(msgspec.Struct, frozen=True):
    """This worker is not in the cluster any more: archive what it has of it, and end.

    With `worker.join` it joins anew as another; else it ends with *exit_code*.
    """

    reason: str
    exit_code: int


class Unstage(msgspec.Struct, frozen=True):
    """What is staged will never be: it may go."""

    epoch: int


class SeekAt(msgspec.Struct, frozen=True):
    """A worker that wants to join is to ask at *control*, until that is not answered."""

    control: Address


class TellOperator(msgspec.Struct, frozen=True):
    """What has become of a request that was made here: it is *taken* up, or not, and why."""

    name: str
    taken: bool
    text: str


OfAChange: TypeAlias = (
    WriteVote | StageChange | AdoptChange | SetAside | Unstage | SeekAt | TellOperator
)
"""What is left to the shell."""
