"""What passes on data connections that carry parts of checkpoints, from disk to disk.

A part goes to who wants it, or from its owner to the worker that keeps a replica of it: both ways
it is its head, its chunks in pieces as far as credit allows, and its end.
"""
# Structs of msgspec, which makes these classes at every start in a thirtieth of the time of attrs.

from typing import Any, TypeAlias

import msgspec

from wallarood.model.change import PartName
from wallarood.model.ids import ClusterId, Incarnation, WorkerName

Slots: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Computations, each with the slots of it that are meant."""


class TransferHello(msgspec.Struct, frozen=True):
    """The sender wants parts of what the receiver has on its disk."""

    cluster_id: ClusterId
    epoch: int
    worker: WorkerName
    incarnation: Incarnation


class ReplicaHello(msgspec.Struct, frozen=True):
    """The sender has its parts copied to the receiver in *round*."""

    cluster_id: ClusterId
    epoch: int
    worker: WorkerName
    incarnation: Incarnation
    round: int


class ChunkGroup(msgspec.Struct, frozen=True):
    """So many chunks of a computation, as checkpoint *number* has written them."""

    computation: str
    number: int
    count: int


LAST = -1
"""In the place of a checkpoint's number: the last that is known committed where it is asked for."""


class PartWanted(msgspec.Struct, frozen=True):
    """A part is wanted; of its state only *slots*, or all if there are none named.

    Chunks that are *there* already are not to come again.
    """

    part: PartName
    slots: Slots | None = None
    there: tuple[ChunkGroup, ...] = ()


class PartHead(msgspec.Struct, frozen=True):
    """A part begins. *manifest* is a JSON value: what stands in it besides its chunks.

    `chunks` is how many come, and `groups` what they are of; of what the receiver is known to have
    none comes.
    """

    part: PartName
    manifest: Any
    chunks: int
    size_bytes: int
    groups: tuple[ChunkGroup, ...] = ()


class PartPiece(msgspec.Struct, frozen=True):
    """A piece of a chunk of state that checkpoint *number* has written. *last* ends the chunk."""

    computation: str
    number: int
    sequence: int
    last: bool
    data: bytes


class PartEnd(msgspec.Struct, frozen=True):
    """All chunks of the part have been sent."""

    part: PartName


class PartRefused(msgspec.Struct, frozen=True):
    """There is no such part here, or it cannot be read or written."""

    part: PartName
    reason: str


class Credit(msgspec.Struct, frozen=True):
    """So many bytes of chunks have been taken: as many more may come."""

    bytes: int


class Chunk(msgspec.Struct, frozen=True):
    """A whole chunk of state of a computation, as checkpoint *number* has written it."""

    computation: str
    number: int
    sequence: int
    data: bytes


class FileState(msgspec.Struct, frozen=True):
    """A file of a connector, by its path below the directory of the cluster, and its checksum."""

    path: str
    size: int
    checksum: int


class Has(msgspec.Struct, frozen=True):
    """The receiver's replicas that the sender has: *parts*, and the chunks of whatever part.

    `files` are the copies of what the receiver's sources and sinks keep on their disk.
    """

    parts: tuple[PartName, ...]
    groups: tuple[ChunkGroup, ...]
    files: tuple[FileState, ...] = ()


class FilePiece(msgspec.Struct, frozen=True):
    """From *offset* on a file has these bytes, and none after them yet."""

    path: str
    offset: int
    data: bytes


class FilesWanted(msgspec.Struct, frozen=True):
    """The files are wanted of *owner*'s sources and sinks: its own, or the copies of them.

    Only those below one of the paths *under*, unless there is none. Answered by pieces of them, and
    `FilesSent` 0.
    """

    owner: WorkerName
    under: tuple[str, ...] = ()


class KeptAsked(msgspec.Struct, frozen=True):
    """In which epoch has the receiver last had a whole copy of *owner*'s files?"""

    owner: WorkerName


class KeptSince(msgspec.Struct, frozen=True):
    """The answer: all that *owner* had acknowledged by then is in it. 0: that is not known."""

    owner: WorkerName
    epoch: int


class FileGone(msgspec.Struct, frozen=True):
    """A file is not needed any more."""

    path: str


class FilesSent(msgspec.Struct, frozen=True):
    """All has been sent that files had when the sender asked for the *number*th time."""

    number: int


class FilesHeld(msgspec.Struct, frozen=True):
    """What was sent before `FilesSent` is durable."""

    number: int


class Held(msgspec.Struct, frozen=True):
    """The sender has the replica of this part on its disk, with all that belongs to it."""

    part: PartName


class StillThere(msgspec.Struct, frozen=True):
    """Nothing else is to be said: the connection lives."""


TransferMessage: TypeAlias = (
    TransferHello
    | ReplicaHello
    | PartWanted
    | PartHead
    | PartPiece
    | PartEnd
    | PartRefused
    | Credit
    | Has
    | Held
    | StillThere
    | FilePiece
    | FileGone
    | FilesSent
    | FilesHeld
    | FilesWanted
    | KeptAsked
    | KeptSince
)
"""All that is said on such a connection."""
