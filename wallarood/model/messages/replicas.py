"""What passes on data connections that carry parts of checkpoints, from disk to disk.

A part goes to who wants it, or from its owner to the worker that keeps a replica of it: both ways
it is its head, its chunks in pieces as far as credit allows, and its end.
"""

from typing import Any, TypeAlias

import attrs

from wallarood.model.change import PartName
from wallarood.model.ids import ClusterId, Incarnation, WorkerName

Slots: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Computations, each with the slots of it that are meant."""


@attrs.frozen
class TransferHello:
    """The sender wants parts of what the receiver has on its disk."""

    cluster_id: ClusterId
    epoch: int
    worker: WorkerName
    incarnation: Incarnation


@attrs.frozen
class ReplicaHello:
    """The sender has its parts copied to the receiver in *round*."""

    cluster_id: ClusterId
    epoch: int
    worker: WorkerName
    incarnation: Incarnation
    round: int


@attrs.frozen
class PartWanted:
    """A part is wanted; of its state only *slots*, or all if there are none named."""

    part: PartName
    slots: Slots | None = None


@attrs.frozen
class ChunkGroup:
    """So many chunks of a computation, as checkpoint *number* has written them."""

    computation: str
    number: int
    count: int


@attrs.frozen
class PartHead:
    """A part begins. *manifest* is a JSON value: what stands in it besides its chunks.

    `chunks` is how many come, and `groups` what they are of; of what the receiver is known to have
    none comes.
    """

    part: PartName
    manifest: Any
    chunks: int
    size_bytes: int
    groups: tuple[ChunkGroup, ...] = ()


@attrs.frozen
class PartPiece:
    """A piece of a chunk of state that checkpoint *number* has written. *last* ends the chunk."""

    computation: str
    number: int
    sequence: int
    last: bool
    data: bytes


@attrs.frozen
class PartEnd:
    """All chunks of the part have been sent."""

    part: PartName


@attrs.frozen
class PartRefused:
    """There is no such part here, or it cannot be read or written."""

    part: PartName
    reason: str


@attrs.frozen
class Credit:
    """So many bytes of chunks have been taken: as many more may come."""

    bytes: int


@attrs.frozen
class Chunk:
    """A whole chunk of state of a computation, as checkpoint *number* has written it."""

    computation: str
    number: int
    sequence: int
    data: bytes


@attrs.frozen
class FileState:
    """A file of a connector, by its path below the directory of the cluster, and its checksum."""

    path: str
    size: int
    checksum: int


@attrs.frozen
class Has:
    """The receiver's replicas that the sender has: *parts*, and the chunks of whatever part.

    `files` are the copies of what the receiver's sources and sinks keep on their disk.
    """

    parts: tuple[PartName, ...]
    groups: tuple[ChunkGroup, ...]
    files: tuple[FileState, ...] = ()


@attrs.frozen
class FilePiece:
    """From *offset* on a file has these bytes, and none after them yet."""

    path: str
    offset: int
    data: bytes


@attrs.frozen
class FileGone:
    """A file is not needed any more."""

    path: str


@attrs.frozen
class FilesSent:
    """All has been sent that files had when the sender asked for the *number*th time."""

    number: int


@attrs.frozen
class FilesHeld:
    """What was sent before `FilesSent` is durable."""

    number: int


@attrs.frozen
class Held:
    """The sender has the replica of this part on its disk, with all that belongs to it."""

    part: PartName


@attrs.frozen
class StillThere:
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
)
"""All that is said on such a connection."""
