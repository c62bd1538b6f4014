"""What happens to copies of parts, here or on another disk; see `wallarood.control.events`."""

from typing import TypeAlias

import msgspec

from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import WorkerName


class RoundOver(msgspec.Struct, frozen=True):
    """This worker is asked what it holds, or votes: nothing of its round counts any more."""


class PartToCopy(msgspec.Struct, frozen=True):
    """This worker's part of a checkpoint is durable: the holder must have it in *round*, too."""

    checkpoint: CheckpointId
    round: int


class PartCaptured(msgspec.Struct, frozen=True):
    """This worker's part of a checkpoint is about to be written, and can be sent by now."""

    checkpoint: CheckpointId


class HolderHas(msgspec.Struct, frozen=True):
    """The holder has said which parts of this worker it has, on a new connection or again."""

    parts: tuple[PartName, ...]


class HolderLost(msgspec.Struct, frozen=True):
    """The connection to the holder is lost."""


class PartHeld(msgspec.Struct, frozen=True):
    """The holder has said that a part is durable there."""

    part: PartName


class OwnerCame(msgspec.Struct, frozen=True):
    """A worker whose replicas are kept here has connected, for a round."""

    owner: WorkerName
    round: int


class OwnerLost(msgspec.Struct, frozen=True):
    """Its connection is lost."""

    owner: WorkerName


class ReplicaWritten(msgspec.Struct, frozen=True):
    """A replica is durable here, with all that belongs to it."""

    part: PartName


class ReplicaLacking(msgspec.Struct, frozen=True):
    """A part has come whose owner took more to be here than there is."""

    owner: WorkerName


OfReplicas: TypeAlias = (
    RoundOver
    | PartToCopy
    | PartCaptured
    | HolderHas
    | HolderLost
    | PartHeld
    | OwnerCame
    | OwnerLost
    | ReplicaWritten
    | ReplicaLacking
)
"""What happens to copies of parts, here or on another disk."""
