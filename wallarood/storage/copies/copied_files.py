"""Copies of what another worker's sources and sinks keep: journals with their clients, spools."""
# Theory of operation
# ===================
# They stand under the owner's name as they stand in its own directory. A piece says what a file has
# from an offset on: what was there after it goes, so a file that has become another one is sent
# from its beginning. What was written is durable after `settle`, and not before.
#
# Whoever settles them has got all that the owner had just then. The epoch of that is noted beside
# them: of two copies, made by the holders of two epochs, the later has all that was acknowledged.

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import attrs
from xxhash import xxh3_64, xxh3_64_intdigest

from wallarood.disk.durable import sync_directory, write_all
from wallarood.disk.inherited import InheritedFiles, note_epoch, noted_epoch
from wallarood.model.errors import CannotCreateError, RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import FileGone, FilePiece, FileState

KINDS = ("sources", "sinks", "heirs")
"""The directories of a cluster in which connectors keep files, and what was kept by others."""
READ_BYTES = 1 << 20
PIECE_BYTES = 256 << 10


@attrs.define(eq=False)
class CopiedFiles:
    """The copies in *root*. All calls block; one comes at a time.

    They are made in *epoch*; that of the first need not be noted, as there is none before it.
    """

    root: Path
    epoch: int = 0
    _touched: set[Path] = attrs.field(factory=set, init=False)
    _left: set[Path] = attrs.field(factory=set, init=False)
    """Directories that a file is gone from."""
    _is_noted: bool = attrs.field(default=False, init=False)

    @property
    def kept_since(self) -> int:
        """The epoch in which the copies were last whole; 0: that is not known."""
        return noted_epoch(self.root)

    def states(self) -> tuple[FileState, ...]:
        """The files that are here, with what they are. Raises CannotCreateError."""
        try:
            return tuple(
                FileState(path, size, checksum_of(self.root / path, size))
                for path, size in files_in(self.root)
            )
        except OSError as error:
            raise CannotCreateError(f"{self.root}: {error.strerror}") from error

    def pieces(self, under: tuple[str, ...] = ()) -> Iterator[FilePiece]:
        """All that is here below one of the paths *under*, for another disk; with none, all of it.

        Raises CannotCreateError.
        """
        try:
            for name, _ in files_in(self.root):
                if under and not name.startswith(under):
                    continue
                with (self.root / name).open("rb") as file:
                    yield FilePiece(name, 0, b"")
                    while data := file.read(PIECE_BYTES):
                        yield FilePiece(name, file.tell() - len(data), data)
        except OSError as error:
            raise CannotCreateError(f"{self.root}: {error.strerror}") from error

    def write(self, changes: Iterable[FilePiece | FileGone]) -> None:
        """Carry out *changes*, in their order.

        Raises CannotCreateError: the disk is full or failing. Raises RemoteProtocolError: a path
        leads elsewhere, or a piece leaves a gap.
        """
        for change in changes:
            path = self.root / _checked(change.path)
            try:
                if isinstance(change, FileGone):
                    path.unlink(missing_ok=True)
                    self._touched.discard(path)
                    self._left.add(path.parent)
                else:
                    self._write(path, change)
            except OSError as error:
                raise CannotCreateError(f"{path}: {error.strerror}") from error

    def _write(self, path: Path, piece: FilePiece) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size < piece.offset:
                raise RemoteProtocolError(f"a piece of {piece.path} leaves a gap before it")
            os.ftruncate(file, piece.offset)
            os.lseek(file, piece.offset, os.SEEK_SET)
            write_all(file, piece.data)
        finally:
            os.close(file)
        self._touched.add(path)

    @property
    def settled(self) -> bool:
        """Whether there is nothing for `settle` to do. It does not block."""
        return not self._touched and not self._left and (self._is_noted or self.epoch <= 1)

    def settle(self) -> None:
        """Make durable what was written, and what is gone. CannotCreateError: the disk fails."""
        try:
            for path in self._touched:
                file = os.open(path, os.O_WRONLY)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
            directories = {each for path in self._touched for each in self._above(path)}
            for directory in directories | {each for each in self._left if each.exists()}:
                sync_directory(directory)
            if not self._is_noted and self.epoch > 1:
                note_epoch(self.root, self.epoch)
        except OSError as error:
            raise CannotCreateError(f"{self.root}: {error.strerror}") from error
        self._is_noted = self.epoch > 1
        self._touched.clear()
        self._left.clear()

    def clear(self) -> None:
        """Remove all files. Raises CannotCreateError."""
        try:
            for kind in KINDS:
                if (self.root / kind).exists():
                    shutil.rmtree(self.root / kind)
        except OSError as error:
            raise CannotCreateError(f"{self.root}: {error.strerror}") from error

    def _above(self, path: Path) -> list[Path]:
        return [each for each in path.parents if each.is_relative_to(self.root.parent.parent)]


def copies_in(
    cluster: Path, owner: WorkerName | None, layout: int, *, epoch: int = 0
) -> CopiedFiles:
    """Those in the directory of a cluster of *owner*'s files; None: of this worker's own.

    Where this worker is the heir of *owner* as it was in epoch *layout*, they have been moved.
    """
    if owner is None:
        return CopiedFiles(cluster)
    moved = InheritedFiles(cluster).of(owner, layout)
    return CopiedFiles(moved if moved.exists() else cluster / "replicas" / owner, epoch)


def files_in(root: Path) -> list[tuple[str, int]]:
    """The files of connectors in the directory of a cluster, each with its size. Raises OSError."""
    found = []
    for kind in KINDS:
        for directory, _, names in os.walk(root / kind):
            for name in names:
                if not name.endswith(".new"):  # it is about to take the place of another
                    path = Path(directory, name)
                    with contextlib.suppress(FileNotFoundError):  # it was here a moment ago
                        found.append((path.relative_to(root).as_posix(), path.stat().st_size))
    return sorted(found)


def checksum_of(path: Path, size: int) -> int:
    """The checksum of the first *size* bytes of a file. Raises OSError."""
    found, left = xxh3_64(), size
    with path.open("rb") as file:
        while left and (data := file.read(min(left, READ_BYTES))):
            found.update(data)
            left -= len(data)
    return found.intdigest() if not left else xxh3_64_intdigest(b"")


def _checked(path: str) -> str:
    """Raises RemoteProtocolError: *path* is none of a file of a connector."""
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] not in KINDS or ".." in parts or "\0" in path:
        raise RemoteProtocolError(f"{path!r:.200} is no file of a source or sink")
    return path
