"""What is done to have parts copied; see `wallarood.control.effects`."""

from typing import TypeAlias

import msgspec

from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import WorkerName


class Copied(msgspec.Struct, frozen=True):
    """The holder has this worker's part of a checkpoint."""

    checkpoint: CheckpointId


class SeekHolder(msgspec.Struct, frozen=True):
    """Keep a connection for *round* to the worker that keeps this one's replicas."""

    holder: WorkerName
    round: int


class LeaveHolder(msgspec.Struct, frozen=True):
    """Close that connection, and make none."""


class SendPart(msgspec.Struct, frozen=True):
    """Send the holder what it lacks of a part."""

    part: PartName


class TellReplicas(msgspec.Struct, frozen=True):
    """Tell an owner on its connection what is here of it."""

    owner: WorkerName


class SayHeld(msgspec.Struct, frozen=True):
    """Tell the owner of a part that it is held here."""

    part: PartName


class DropOwner(msgspec.Struct, frozen=True):
    """Close the connection of an owner."""

    owner: WorkerName


OfReplicas: TypeAlias = SeekHolder | LeaveHolder | SendPart | TellReplicas | SayHeld | DropOwner
"""What is done to have parts copied, and to keep those of another."""
