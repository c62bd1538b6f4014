"""What happens to a worker, as the machines of this package see it.

A message arrives as `ConnectionMessage`; the tables of the machines name the message's own class.
"""

from typing import TypeAlias

import msgspec

from wallarood.control.change.events import OfAChange
from wallarood.control.replicas.events import OfReplicas
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import ControlMessage, Holdings, Member, RequestCheckpoint


class ConnectionOpened(msgspec.Struct, frozen=True):
    """A control connection that this worker dialled is open. `peer` is the member it sought.

    The initializer of a new cluster has no name yet: `peer` is empty.
    """

    connection: int
    peer: WorkerName


class ConnectionLost(msgspec.Struct, frozen=True):
    """A control connection is closed."""

    connection: int


class ConnectionMessage(msgspec.Struct, frozen=True):
    """A message has come in."""

    connection: int
    message: ControlMessage


class TimerFired(msgspec.Struct, frozen=True):
    """The deadline that a machine asked for has come."""


class MemberMessage(msgspec.Struct, frozen=True):
    """A member has said something, or this worker to itself. Its connection does not matter."""

    sender: WorkerName
    message: ControlMessage


class MemberUp(msgspec.Struct, frozen=True):
    """A member is attached; it may be another life of it."""

    member: Member


class MemberDown(msgspec.Struct, frozen=True):
    """A member is not heard of any more."""

    name: WorkerName


class JobHalted(msgspec.Struct, frozen=True):
    """All tasks of the job have ended and no write is in flight."""


class HoldingsRead(msgspec.Struct, frozen=True):
    """The store has said what it holds, for the leader's question."""

    holdings: Holdings


class RoundWritten(msgspec.Struct, frozen=True):
    """The proposal of this round is durable here; `committed` is what was known to be, by then."""

    round: int
    committed: int = 0


class SnapshotWritten(msgspec.Struct, frozen=True):
    """This worker's part of a checkpoint is durable; see `CheckpointHeld`."""

    number: int
    size_bytes: int
    unpublished: int = 0


class SnapshotFailed(msgspec.Struct, frozen=True):
    """This worker's part of a checkpoint could not be written. It is not tried again."""

    number: int
    reason: str


class SnapshotMoved(msgspec.Struct, frozen=True):
    """This worker's part of a checkpoint has made progress."""

    number: int
    steps: int
    awaiting: str


class CommitRecorded(msgspec.Struct, frozen=True):
    """It is durable here that the checkpoint is committed."""

    number: int


class SinksPublished(msgspec.Struct, frozen=True):
    """All sinks here have published what they had prepared up to this checkpoint."""

    number: int


class StopWanted(msgspec.Struct, frozen=True):
    """This worker is told to stop: it would like a checkpoint first."""


class CheckpointWanted(msgspec.Struct, frozen=True):
    """A checkpoint is wanted here, out of turn."""

    request: RequestCheckpoint


class TimingChanged(msgspec.Struct, frozen=True):
    """An operator has changed the timing of checkpoints."""

    checkpoint_interval_s: float
    checkpoint_deadline_s: float


class ShutdownWanted(msgspec.Struct, frozen=True):
    """An operator ends the whole cluster; its checkpoint may take *wait_s* seconds."""

    wait_s: float


class LeaveWanted(msgspec.Struct, frozen=True):
    """This worker ends now, in an orderly way or by its failure: the others are told."""


class OutputPublished(msgspec.Struct, frozen=True):
    """What could be published at a shutdown has been: this worker ends."""


class DropWanted(msgspec.Struct, frozen=True):
    """An operator wants a kept checkpoint dropped, on all workers."""

    name: str


class StatusAsked(msgspec.Struct, frozen=True):
    """The status of all members is wanted here, or what *query* asks; the question has a number."""

    number: int
    query: str = ""


class StatusGiven(msgspec.Struct, frozen=True):
    """This worker's own status, or what else it was asked for, for a member that has asked."""

    asker: WorkerName
    number: int
    status: str


class KeyRefused(msgspec.Struct, frozen=True):
    """A peer has refused the key of this worker, or the other way round."""

    error: WallaroodError


class HostFailed(msgspec.Struct, frozen=True):
    """What this worker cannot do without fails here: its state directory cannot be written."""

    error: WallaroodError


class JobDrained(msgspec.Struct, frozen=True):
    """All instances here have seen the end of their inputs."""


class JobBroke(msgspec.Struct, frozen=True):
    """The job cannot continue here: user code, a source or a sink has failed."""

    error: WallaroodError


class FinalPublished(msgspec.Struct, frozen=True):
    """The final checkpoint is committed, and its output published here."""


Order: TypeAlias = (
    CheckpointWanted
    | StopWanted
    | TimingChanged
    | ShutdownWanted
    | OutputPublished
    | LeaveWanted
    | DropWanted
    | StatusAsked
    | StatusGiven
    | JobBroke
    | KeyRefused
    | HostFailed
)
"""What an operator, the configuration or the host wants of this worker."""

Event: TypeAlias = (
    ConnectionOpened
    | ConnectionLost
    | ConnectionMessage
    | TimerFired
    | MemberMessage
    | MemberUp
    | MemberDown
    | JobHalted
    | HoldingsRead
    | RoundWritten
    | SnapshotWritten
    | SnapshotFailed
    | SnapshotMoved
    | CommitRecorded
    | SinksPublished
    | StopWanted
    | CheckpointWanted
    | JobDrained
    | JobBroke
    | FinalPublished
    | TimingChanged
    | ShutdownWanted
    | LeaveWanted
    | OutputPublished
    | DropWanted
    | StatusAsked
    | StatusGiven
    | KeyRefused
    | HostFailed
    | OfAChange
    | OfReplicas
)


def kind_of(event: object) -> type:
    """The class by which the tables know *event*: that of the message, if one has come."""
    if isinstance(event, (ConnectionMessage, MemberMessage)):
        return type(event.message)
    return type(event)
