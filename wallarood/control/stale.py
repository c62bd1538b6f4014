"""Which messages come too late to mean anything: those of another cluster, epoch or round."""

import attrs

from wallarood.model.ids import ClusterId
from wallarood.model.messages import (
    AskThere,
    Attach,
    Busy,
    ChangePublished,
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointHeld,
    CheckpointProgress,
    Committed,
    Completed,
    ControlMessage,
    Decided,
    Drained,
    Envelope,
    Heartbeat,
    Inquiry,
    JobFailed,
    Join,
    JoinRunning,
    Never,
    Published,
    Refused,
    RequestCheckpoint,
    TakeCheckpoint,
)

OPENING = (
    *(Join, Inquiry, Attach, Refused, Busy, Never, Committed, JobFailed),
    *(JoinRunning, AskThere, Decided),
)
"""Messages that may come from outside the cluster: the machines answer them."""

OF_A_ROUND = (
    RequestCheckpoint,
    TakeCheckpoint,
    CheckpointProgress,
    CheckpointHeld,
    CheckpointFailed,
    CheckpointCommitted,
    CheckpointAbandoned,
    Drained,
    Published,
    Completed,
    ChangePublished,
)
"""Messages that mean nothing in another round than the one they were said in."""


@attrs.frozen
class Stamp:
    """What every message carries of its sender's cluster."""

    cluster_id: ClusterId = ""
    epoch: int = 0
    round: int = 0


UNSTAMPED = Stamp()


def is_stale(envelope: Envelope, ours: Stamp) -> bool:
    """Whether a message is to be dropped by a worker that stands where *ours* says."""
    if isinstance(envelope.message, OPENING):
        return False
    if not ours.cluster_id or not envelope.cluster_id:
        return False
    if (envelope.cluster_id, envelope.epoch) != (ours.cluster_id, ours.epoch):
        return True
    return isinstance(envelope.message, OF_A_ROUND) and envelope.round != ours.round


def without_stale(envelope: Envelope, ours: Stamp) -> ControlMessage:
    """The message; of a heartbeat of another round only that its sender lives.

    Where partitions stood before a rollback says nothing of where they stand after it.
    """
    if isinstance(envelope.message, Heartbeat) and envelope.round != ours.round:
        return attrs.evolve(envelope.message, slowest=())
    return envelope.message
