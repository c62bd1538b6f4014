"""What a machine wants done. A list of effects is carried out in its order: persist before send."""
# Effects and events are structs of msgspec: attrs compiles the methods of each class when it is
# imported, and for these sixty that was a tenth of the time from exec to READY.

from enum import Enum
from typing import TypeAlias

import msgspec

from wallarood.control.change.effects import FinishChange, OfAChange
from wallarood.control.replicas.effects import Copied, OfReplicas
from wallarood.control.stale import UNSTAMPED, Stamp
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import (
    ControlMessage,
    Member,
    Purpose,
    RoundProposal,
    StatusTold,
    StatusWanted,
)


class SendOnConnection(msgspec.Struct, frozen=True):
    """Send a message on a connection. The node stamps it with where this worker stands."""

    connection: int
    message: ControlMessage
    stamp: Stamp = UNSTAMPED


class Close(msgspec.Struct, frozen=True):
    """Close a connection, when what was sent on it is out."""

    connection: int


class Persist(msgspec.Struct, frozen=True):
    """Make a cluster record durable, in the place of the one before."""

    record: ClusterRecord


class PersistNever(msgspec.Struct, frozen=True):
    """Make it durable that this cluster was not committed and never will be."""

    cluster_id: ClusterId


class Archive(msgspec.Struct, frozen=True):
    """Put the cluster record on disk aside."""


class Formed(msgspec.Struct, frozen=True):
    """The cluster is committed: open channels to all members."""

    record: ClusterRecord


class Level(Enum):
    """How much a report matters to an operator."""

    INFO = "info"
    WARNING = "warning"


class Report(msgspec.Struct, frozen=True):
    """Say something in log and status."""

    text: str
    level: Level = Level.INFO


class WaitingFor(msgspec.Struct, frozen=True):
    """What is being waited for, for status; empty if nothing is."""

    text: str


class Fail(msgspec.Struct, frozen=True):
    """The process cannot continue."""

    error: WallaroodError


class PeerUp(msgspec.Struct, frozen=True):
    """A member is attached; *member* has its newest addresses."""

    member: Member


class PeerDown(msgspec.Struct, frozen=True):
    """A member is not heard of: its data channels are to be closed."""

    name: WorkerName


class PauseSources(msgspec.Struct, frozen=True):
    """Hold all sources."""

    reason: str


class ResumeSources(msgspec.Struct, frozen=True):
    """Let sources read again."""


class SendToMember(msgspec.Struct, frozen=True):
    """Say something to a member, whatever connection it is on; to this worker itself too.

    A member that is away does not get it: what it must know is said when it is back.
    """

    name: WorkerName
    message: ControlMessage


class HaltJob(msgspec.Struct, frozen=True):
    """End all tasks and links of the round, then report `JobHalted`."""


class ReadHoldings(msgspec.Struct, frozen=True):
    """Read what the store holds, then report `HoldingsRead`."""

    attempt: str


class WriteRound(msgspec.Struct, frozen=True):
    """Make a proposal durable, then report `RoundWritten`."""

    proposal: RoundProposal


class BeginRound(msgspec.Struct, frozen=True):
    """Roll back to the proposal's checkpoint and let the job run."""

    proposal: RoundProposal


class TakeBarrier(msgspec.Struct, frozen=True):
    """Put a barrier after what the sources here have read."""

    number: int
    purpose: Purpose
    keep: str


class ReleaseBarrier(msgspec.Struct, frozen=True):
    """Alignment for this checkpoint or a lower one holds up no input any longer."""

    number: int


class HoldSources(msgspec.Struct, frozen=True):
    """Sources pause while there is a reason; an empty one lets them read again."""

    reason: str


class DiscardCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint can never be committed: what is held of it here may go."""

    number: int


class RecordCommitted(msgspec.Struct, frozen=True):
    """Make it durable that a checkpoint is committed, then report `CommitRecorded`."""

    number: int


class PublishSinks(msgspec.Struct, frozen=True):
    """The checkpoint is committed, durably known: publish, then report `SinksPublished`."""

    number: int


class ForgetKept(msgspec.Struct, frozen=True):
    """A kept checkpoint may go."""

    name: str


class PublishedFinal(msgspec.Struct, frozen=True):
    """The final checkpoint's output is published here."""


class ReadyToLeave(msgspec.Struct, frozen=True):
    """The stopping checkpoint is committed, durably known, or cannot be had: end now."""


class JobDone(msgspec.Struct, frozen=True):
    """Every worker has published: the job is completed."""


class HandToStatus(msgspec.Struct, frozen=True):
    """Hand a member's question about status, or its answer, to what gathers it."""

    sender: WorkerName
    message: StatusWanted | StatusTold


class SlowestElsewhere(msgspec.Struct, frozen=True):
    """Where the slowest partitions of sources stand on a member, as its heartbeat says."""

    worker: WorkerName
    slowest: tuple[tuple[str, int | None], ...]


class StopOrderly(msgspec.Struct, frozen=True):
    """An operator ends the whole cluster: publish what can be, then report `OutputPublished`."""


OfARound: TypeAlias = (
    PauseSources
    | ResumeSources
    | HaltJob
    | ReadHoldings
    | WriteRound
    | BeginRound
    | TakeBarrier
    | ReleaseBarrier
    | HoldSources
    | DiscardCheckpoint
    | RecordCommitted
    | PublishSinks
    | ForgetKept
    | SlowestElsewhere
)
"""What is done to the job and to the store of checkpoints."""

ShellEffect: TypeAlias = (
    SendOnConnection
    | Close
    | Persist
    | PersistNever
    | Archive
    | Formed
    | Report
    | WaitingFor
    | PeerUp
    | PeerDown
    | HandToStatus
    | ReadyToLeave
    | JobDone
    | StopOrderly
    | OfReplicas
    | OfARound
    | OfAChange
)
"""What a node leaves to the shell."""

Effect: TypeAlias = ShellEffect | SendToMember | Fail | PublishedFinal | FinishChange | Copied
"""What a machine wants; the node carries out a part of it itself."""
