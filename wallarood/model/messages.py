"""The control messages: all that workers say to each other on a control channel.

Every message travels in an `Envelope`. `ControlMessage` is the tagged union of all of them; the
tag is the class name.
"""

from typing import TypeAlias

import attrs

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.checkpoint_messages import (
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointGivenUp,
    CheckpointHeld,
    CheckpointProgress,
    DropKept,
    Purpose,
    RequestCheckpoint,
    TakeCheckpoint,
)
from wallarood.model.founding import (
    PROTOCOL_VERSION,
    Busy,
    Committed,
    Contribution,
    Inquiry,
    Join,
    Listing,
    Member,
    Never,
    Prepared,
    Proposal,
    Refused,
    Waiting,
)
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.topology import Topology

__all__ = [
    "PROTOCOL_VERSION",
    "Attach",
    "Attached",
    "Busy",
    "CheckpointCommitted",
    "CheckpointFailed",
    "CheckpointGivenUp",
    "CheckpointHeld",
    "CheckpointProgress",
    "Choice",
    "ChoiceHeld",
    "Collect",
    "Committed",
    "Completed",
    "Contribution",
    "ControlMessage",
    "Drained",
    "DropKept",
    "Envelope",
    "Heartbeat",
    "Holdings",
    "Inquiry",
    "JobFailed",
    "Join",
    "Leaving",
    "Listing",
    "Member",
    "Never",
    "NewTopology",
    "Prepared",
    "Proposal",
    "Published",
    "Purpose",
    "Refused",
    "RequestCheckpoint",
    "Resume",
    "ShutDown",
    "StatusTold",
    "StatusWanted",
    "TakeCheckpoint",
    "Waiting",
]  # fmt: skip


# ---- A cluster that exists ---------------------------------------------------------------------


@attrs.frozen
class Attach:
    """A member opens a control channel to another member, or answers so one that is ahead of it.

    Answered by Attached, Refused, or, if the sender's topology is older, by NewTopology.
    """

    member: Member
    protocol: int
    cluster_id: ClusterId
    epoch: int


@attrs.frozen
class Attached:
    """The answer to Attach."""

    member: Member


@attrs.frozen
class NewTopology:
    """The receiver's topology is an older one: this is the cluster as it has become."""

    topology: Topology
    members: tuple[Member, ...]


@attrs.frozen
class Heartbeat:
    """The sender lives. `missing` are the workers that it does not hear from."""

    missing: tuple[WorkerName, ...]


@attrs.frozen
class StatusWanted:
    """The sender asks how the receiver does; *number* is that of the question."""

    number: int


@attrs.frozen
class StatusTold:
    """The answer to StatusWanted: the sender's status as JSON."""

    number: int
    status: str


@attrs.frozen
class Leaving:
    """The sender ends in an orderly way. `completed` is whether the job is done.

    `reason` is the trouble of its own that it ends by, with its `exit_code`; empty if it has none.
    """

    completed: bool
    reason: str = ""
    exit_code: int = 0


# ---- Rounds: recovery --------------------------------------------------------------------------


@attrs.frozen
class Collect:
    """The leader asks what the receiver holds. It stops its part of the job before it answers.

    `attempt` names this question; an answer to another one does not count.
    """

    attempt: str


@attrs.frozen
class Holdings:
    """The answer to Collect: what the sender's store holds, with no write in flight.

    `round` is the highest that it has made durable, `highest` the highest checkpoint number it has
    ever seen, `committed` the highest checkpoint that it knows committed, `kept` the numbers of
    those that are kept by name.
    """

    attempt: str
    round: int
    checkpoints: tuple[CheckpointId, ...]
    committed: CheckpointId
    highest: int
    line: int
    kept: tuple[int, ...] = ()


@attrs.frozen
class Choice:
    """The leader has chosen: in *round* all continue from *checkpoint*; all above it is void.

    `members` are those who take part, with the incarnations that belong to the round and their
    newest addresses. `line` is one more than before if *checkpoint* is below one that was known
    committed, or may have been: what was published after it is made again, and sinks must tell one
    from the other.
    """

    attempt: str
    round: int
    checkpoint: CheckpointId
    highest: int
    members: tuple[Member, ...]
    line: int


@attrs.frozen
class ChoiceHeld:
    """The sender has made the choice of this round durable."""

    chosen: int


@attrs.frozen
class Resume:
    """All hold the choice of this round: roll back to it and continue."""

    chosen: int


# ---- The end of a job --------------------------------------------------------------------------


@attrs.frozen
class Drained:
    """All instances on the sender have seen the end of their inputs."""


@attrs.frozen
class Published:
    """The sender's sinks have published the final checkpoint."""


@attrs.frozen
class Completed:
    """All workers have published: the job is done."""


@attrs.frozen
class JobFailed:
    """The job cannot continue. All workers end with `exit_code`."""

    worker: WorkerName
    reason: str
    exit_code: int


@attrs.frozen
class ShutDown:
    """An operator ends the whole cluster: stop in an orderly way."""


ControlMessage: TypeAlias = (
    Join
    | Waiting
    | Proposal
    | Prepared
    | Committed
    | Inquiry
    | Never
    | Refused
    | Busy
    | Attach
    | Attached
    | NewTopology
    | Heartbeat
    | StatusWanted
    | StatusTold
    | Leaving
    | Collect
    | Holdings
    | Choice
    | ChoiceHeld
    | Resume
    | RequestCheckpoint
    | TakeCheckpoint
    | CheckpointProgress
    | CheckpointHeld
    | CheckpointFailed
    | CheckpointCommitted
    | CheckpointGivenUp
    | DropKept
    | Drained
    | Published
    | Completed
    | JobFailed
    | ShutDown
)


@attrs.frozen
class Envelope:
    """What every control message carries besides itself.

    `cluster_id` is empty and `epoch` 0 as long as no cluster exists for the sender. `sequence`
    counts the messages of one connection in one direction from 0.
    """

    cluster_id: ClusterId
    epoch: int
    round: int
    sequence: int
    message: ControlMessage
