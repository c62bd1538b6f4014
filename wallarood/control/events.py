"""What happens to a worker, as the machines of this package see it.

A message arrives as `ConnectionMessage`; the tables of the machines name the message's own class.
"""

from typing import TypeAlias

import attrs

from wallarood.model.errors import WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import ControlMessage, Holdings, Member, RequestCheckpoint


@attrs.frozen
class ConnectionOpened:
    """A control connection that we dialled is open. `peer` is whom we sought.

    The initializer of a new cluster has no name yet: `peer` is empty.
    """

    connection: int
    peer: WorkerName


@attrs.frozen
class ConnectionLost:
    """A control connection is closed."""

    connection: int


@attrs.frozen
class ConnectionMessage:
    """A message has come in."""

    connection: int
    message: ControlMessage


@attrs.frozen
class TimerFired:
    """The deadline that a machine asked for has come."""


@attrs.frozen
class MemberMessage:
    """A member has said something, or this worker to itself. Its connection does not matter."""

    sender: WorkerName
    message: ControlMessage


@attrs.frozen
class MemberUp:
    """A member is attached; it may be another life of it."""

    member: Member


@attrs.frozen
class MemberDown:
    """A member is not heard of any more."""

    name: WorkerName


@attrs.frozen
class JobHalted:
    """All tasks of the job have ended and no write is in flight."""


@attrs.frozen
class HoldingsRead:
    """The store has said what it holds, for the leader's question."""

    holdings: Holdings


@attrs.frozen
class RoundWritten:
    """The proposal of this round is durable here."""

    round: int


@attrs.frozen
class SnapshotWritten:
    """This worker's part of a checkpoint is durable; see `CheckpointHeld`."""

    number: int
    size_bytes: int
    unpublished: int = 0


@attrs.frozen
class SnapshotFailed:
    """This worker's part of a checkpoint could not be written. It is not tried again."""

    number: int
    reason: str


@attrs.frozen
class SnapshotMoved:
    """This worker's part of a checkpoint has come a step further."""

    number: int
    steps: int
    awaiting: str


@attrs.frozen
class CommitRecorded:
    """It is durable here that the checkpoint is committed."""

    number: int


@attrs.frozen
class SinksPublished:
    """All sinks here have published what they had prepared up to this checkpoint."""

    number: int


@attrs.frozen
class StopWanted:
    """This worker is told to stop: it would like a checkpoint first."""


@attrs.frozen
class CheckpointWanted:
    """A checkpoint is wanted here, out of turn."""

    request: RequestCheckpoint


@attrs.frozen
class TimingChanged:
    """An operator has configured the checkpoints of this worker anew."""

    checkpoint_interval_s: float
    checkpoint_deadline_s: float


@attrs.frozen
class ShutdownWanted:
    """An operator ends the whole cluster; for its checkpoint there is so much time."""

    wait_s: float


@attrs.frozen
class LeaveWanted:
    """This worker ends now, in an orderly way or by its failure: the others are to hear of it."""


@attrs.frozen
class OutputPublished:
    """What could be published at a shutdown is: this worker ends."""


@attrs.frozen
class DropWanted:
    """An operator wants a kept checkpoint dropped, on all workers."""

    name: str


@attrs.frozen
class StatusAsked:
    """The status of all members is wanted here; the question has a number."""

    number: int


@attrs.frozen
class StatusGiven:
    """This worker's own status, for a member that has asked."""

    asker: WorkerName
    number: int
    status: str


@attrs.frozen
class KeyRefused:
    """A peer has refused the key of this worker, or the other way round."""

    error: WallaroodError


@attrs.frozen
class HostFailed:
    """What this worker cannot do without fails here: its state directory cannot be written."""

    error: WallaroodError


@attrs.frozen
class JobDrained:
    """All instances here have seen the end of their inputs."""


@attrs.frozen
class JobBroke:
    """The job cannot go on here: user code, a source or a sink has failed."""

    error: WallaroodError


@attrs.frozen
class FinalPublished:
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
)


def kind_of(event: object) -> type:
    """The class by which the tables know *event*: that of the message, if one has come."""
    if isinstance(event, ConnectionMessage | MemberMessage):
        return type(event.message)
    return type(event)
