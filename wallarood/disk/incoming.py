"""Journals of other workers on their way here, until the change is decided that they come with."""
# Theory of operation
# ===================
# They are fetched while a change is staged, into a directory that has the number of the staging.
# When the change is adopted those that are to be read here are moved among the journals of this
# worker. That is done before the rest of it, and does no harm when it is done once more: what was
# decided is decided.

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

import attrs

from wallarood.disk.durable import sync_directory, write_all
from wallarood.disk.inherited import note_epoch
from wallarood.model.errors import CannotCreateError, RemoteProtocolError
from wallarood.model.ids import WorkerName
from wallarood.model.messages.replicas import FilePiece


@attrs.frozen
class IncomingFiles:
    """Those in the directory of a cluster. All calls but the paths block; CannotCreateError."""

    cluster: Path

    @property
    def _all(self) -> Path:
        return self.cluster / "incoming"

    def moved(self, number: int) -> Path:
        """Where they are, as below the directory of a cluster, that are to be read here."""
        return self._all / str(number) / "moved"

    def of_clients(self, number: int) -> Path:
        """Where those are of which only the clients are to be known here."""
        return self._all / str(number) / "clients"

    def of_lost(self, number: int, owner: WorkerName) -> Path:
        """Where all files of a lost worker are of which its heir had an older copy."""
        return self._all / str(number) / "lost" / owner

    def journals(self, root: Path, source: str) -> Iterator[Path]:
        """The directories of the journals of *source*, by the name of its own, below *root*."""
        yield from sorted((root / "sources" / source).glob("*/"))

    def write(self, root: Path, path: str, data: bytes, *, offset: int = 0) -> None:
        """Put *data* at *offset* of the file *path* below *root*, which ends there."""
        where = root / path
        try:
            where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(where, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.ftruncate(file, offset)
                os.lseek(file, offset, os.SEEK_SET)
                write_all(file, data)
            finally:
                os.close(file)
        except OSError as error:
            raise CannotCreateError(f"cannot write {where}: {error.strerror}") from error

    def write_lost(self, number: int, owner: WorkerName, pieces: Iterable[FilePiece]) -> None:
        """Put there what comes of all files of a lost worker.

        Raises RemoteProtocolError: a path leads elsewhere.
        """
        for each in pieces:
            parts = PurePosixPath(each.path).parts
            if len(parts) < 2 or parts[0] == "/" or ".." in parts or "\0" in each.path:
                raise RemoteProtocolError(f"{each.path!r:.200} is no file of a source or sink")
            self.write(self.of_lost(number, owner), each.path, each.data, offset=each.offset)

    def settle_lost(self, number: int, owner: WorkerName, epoch: int) -> None:
        """All have come, as they were in *epoch*: make them durable."""
        self.settle(number)
        try:
            note_epoch(self.of_lost(number, owner), epoch)
        except OSError as error:
            raise CannotCreateError(f"{self._all}: {error.strerror}") from error

    def settle(self, number: int) -> None:
        """Make durable what was written for staging *number*."""
        root = self._all / str(number)
        try:
            for directory, _, names in os.walk(root):
                for name in names:
                    with Path(directory, name).open("rb") as file:
                        os.fsync(file.fileno())
                sync_directory(Path(directory))
        except OSError as error:
            raise CannotCreateError(f"{root}: {error.strerror}") from error
        if root.exists():
            self._sync(self._all, self.cluster)

    def take(self, journal: Path, source: str) -> None:
        """Move *journal* among those of *source* here; what is there by its name was once read."""
        target = self.cluster / "sources" / source / journal.name
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            journal.rename(target)
        except OSError as error:
            raise CannotCreateError(f"cannot move {journal}: {error.strerror}") from error
        self._sync(journal.parent, target.parent, target.parent.parent, self.cluster)

    def forget(self, but: Collection[int] = ()) -> None:
        """Remove all, except what has come with the stagings *but*."""
        if not self._all.exists():
            return
        try:
            for each in self._all.iterdir():
                if each.name not in map(str, but):
                    shutil.rmtree(each)
        except OSError as error:
            raise CannotCreateError(f"cannot remove {self._all}: {error.strerror}") from error

    def _sync(self, *directories: Path) -> None:
        for each in directories:
            try:
                sync_directory(each)
            except OSError as error:
                raise CannotCreateError(f"{each}: {error.strerror}") from error
