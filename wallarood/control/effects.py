"""What a machine wants done. A list of effects is carried out in its order: persist before send."""

from enum import Enum
from typing import TypeAlias

import attrs

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
from wallarood.model.topology import Topology


@attrs.frozen
class SendOnConnection:
    """Send a message on a connection. The node stamps it with where this worker stands."""

    connection: int
    message: ControlMessage
    stamp: Stamp = UNSTAMPED


@attrs.frozen
class Close:
    """Close a connection, when what was sent on it is out."""

    connection: int


@attrs.frozen
class Persist:
    """Make a cluster record durable, in the place of the one before."""

    record: ClusterRecord


@attrs.frozen
class Adopt:
    """The cluster has become another while this worker was away: record that, and begin anew."""

    topology: Topology
    members: tuple[Member, ...]


@attrs.frozen
class PersistNever:
    """Make it durable that this cluster was not committed and never will be."""

    cluster_id: ClusterId


@attrs.frozen
class Archive:
    """Put the cluster record on disk aside."""


@attrs.frozen
class Formed:
    """The cluster is committed: open channels to all members."""

    record: ClusterRecord


class Level(Enum):
    """How much a report matters to an operator."""

    INFO = "info"
    WARNING = "warning"


@attrs.frozen
class Report:
    """Say something in log and status."""

    text: str
    level: Level = Level.INFO


@attrs.frozen
class WaitingFor:
    """What is being waited for, for status; empty if nothing is."""

    text: str


@attrs.frozen
class Fail:
    """The process cannot go on."""

    error: WallaroodError


@attrs.frozen
class PeerUp:
    """A member is attached; *member* has its newest addresses."""

    member: Member


@attrs.frozen
class PeerDown:
    """A member is not heard of: its data channels are to be closed."""

    name: WorkerName


@attrs.frozen
class PauseSources:
    """Hold all sources."""

    reason: str


@attrs.frozen
class ResumeSources:
    """Let sources go on."""


@attrs.frozen
class SendToMember:
    """Say something to a member, whatever connection it is on; to oneself it comes right back.

    To a member that is away it is not said at all: who must know hears it when it is back.
    """

    name: WorkerName
    message: ControlMessage


@attrs.frozen
class HaltJob:
    """End all tasks and links of the round, then say `JobHalted`."""


@attrs.frozen
class ReadHoldings:
    """Ask the store what it holds, then say `HoldingsRead`."""

    attempt: str


@attrs.frozen
class WriteRound:
    """Make a proposal durable, then say `RoundWritten`."""

    proposal: RoundProposal


@attrs.frozen
class BeginRound:
    """Roll back to the proposal's checkpoint and let the job run."""

    proposal: RoundProposal


@attrs.frozen
class TakeBarrier:
    """Put a barrier behind what the sources here have read; then *pausing* sources stand still."""

    number: int
    purpose: Purpose
    keep: str


@attrs.frozen
class ReleaseBarrier:
    """No alignment for this checkpoint or a lower one holds anything up any more."""

    number: int


@attrs.frozen
class HoldSources:
    """Sources stand still as long as there is a reason; an empty one lets them go on."""

    reason: str


@attrs.frozen
class DiscardCheckpoint:
    """A checkpoint can never be committed: what is held of it here may go."""

    number: int


@attrs.frozen
class RecordCommitted:
    """Make it durable that a checkpoint is committed, then say `CommitRecorded`."""

    number: int


@attrs.frozen
class PublishSinks:
    """The checkpoint is committed, durably known: publish, then say `SinksPublished`."""

    number: int


@attrs.frozen
class ForgetKept:
    """A kept checkpoint may go."""

    name: str


@attrs.frozen
class PublishedFinal:
    """The final checkpoint's output is published here."""


@attrs.frozen
class ReadyToLeave:
    """The stopping checkpoint is committed, durably known, or cannot be had: end now."""


@attrs.frozen
class JobDone:
    """Every worker has published: the job is completed."""


@attrs.frozen
class HandToStatus:
    """Hand a member's question about status, or its answer, to whoever gathers it."""

    sender: WorkerName
    message: StatusWanted | StatusTold


@attrs.frozen
class StopOrderly:
    """An operator ends the whole cluster: publish what can be, then say `OutputPublished`."""


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
    | OfARound
)
"""What a node leaves to the shell."""

Effect: TypeAlias = ShellEffect | SendToMember | Adopt | Fail | PublishedFinal
"""What a machine wants; the node carries out a part of it itself."""
