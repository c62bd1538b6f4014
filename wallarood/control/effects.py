"""What a machine wants done. A list of effects is carried out in its order: persist before send."""

from enum import Enum
from typing import TypeAlias

import attrs

from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import ControlMessage, Member


@attrs.frozen
class Send:
    """Send a message on a connection."""

    connection: int
    message: ControlMessage


@attrs.frozen
class Close:
    """Close a connection, when what was sent on it is out."""

    connection: int


@attrs.frozen
class Persist:
    """Make a cluster record durable, in the place of the one before."""

    record: ClusterRecord


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


@attrs.frozen
class Begin:
    """All are connected: records may flow."""


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
class PublishSinks:
    """Let all sinks publish what they prepared, then say `SinksPublished`."""


@attrs.frozen
class JobDone:
    """Every worker has published: the job is completed."""


@attrs.frozen
class StopOrderly:
    """An operator ends the whole cluster."""


Effect: TypeAlias = (
    Send
    | Close
    | Persist
    | PersistNever
    | Archive
    | Formed
    | Begin
    | Report
    | WaitingFor
    | Fail
    | PeerUp
    | PeerDown
    | PauseSources
    | ResumeSources
    | PublishSinks
    | JobDone
    | StopOrderly
)
