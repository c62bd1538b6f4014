"""What copies need from the adapters around them, as Protocols; see `wallarood.runtime.ports`."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from wallarood.model.change import PartName
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import Chunk, FileGone, FilePiece, FileState, Has


class ReplicaStore(Protocol):
    """The replicas of others' parts, in the store of one's own."""

    @property
    def held(self) -> tuple[PartName, ...]:
        """The replicas that are here."""

    def has(self, owner: tuple[int, WorkerName]) -> Has:
        """What is here of an owner in a layout."""

    def stage(self, owner: tuple[int, WorkerName], chunks: Collection[Chunk]) -> bool:
        """Write chunks of a part that is not whole yet."""

    def write(self, part: PartName, fields: object, chunks: Collection[Chunk]) -> bool:
        """Write the last chunks of a part, and the part itself; whether it is whole."""

    def discard(self, number: int) -> None:
        """Delete the replicas of a checkpoint that can never be committed."""


class FilesToCopy(Protocol):
    """What sources and sinks keep; see `wallarood.storage.copies.files_to_copy`."""

    def holds(self, path: str, size: int) -> None:
        """A journal's file is durable up to *size*."""

    def compare(self, there: Iterable[FileState]) -> None:
        """Begin with what is there and the same."""

    def changes(self) -> Iterator[FilePiece | FileGone]:
        """What is to be sent now."""


class CopiedFiles(Protocol):
    """Copies of another worker's files; see `wallarood.storage.copies.copied_files`."""

    @property
    def kept_since(self) -> int:
        """The epoch in which the copies were last whole; 0: that is not known. It blocks."""

    def states(self) -> tuple[FileState, ...]:
        """The files that are here."""

    def pieces(self, under: tuple[str, ...] = ()) -> Iterator[FilePiece]:
        """All that is here below one of the paths *under*, for another disk."""

    def write(self, changes: Iterable[FilePiece | FileGone]) -> None:
        """Carry out *changes*."""

    @property
    def settled(self) -> bool:
        """Whether all that was written is durable. It does not block."""

    def settle(self) -> None:
        """Make durable what was written."""

    def clear(self) -> None:
        """Remove all files."""
