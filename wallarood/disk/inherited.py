"""What a lost worker's sinks and sources have kept, as its heir has it: the copies, put aside."""
# Theory of operation
# ===================
# Copies of another worker's files are made where it says, under its name. One that comes back by
# the name of a lost one would have them replaced. So its heir moves them, when the change is
# decided, into a directory of its own, which has the epoch in its name in which they were made.

import contextlib
import shutil
from pathlib import Path

import attrs

from wallarood.disk.durable import sync_directory, write_whole
from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import WorkerName

NOTE = "epoch"


@attrs.frozen
class InheritedFiles:
    """Those in the directory of a cluster. All calls but `of` block; CannotCreateError: refused."""

    cluster: Path

    @property
    def _all(self) -> Path:
        return self.cluster / "heirs"

    def of(self, owner: WorkerName, layout: int) -> Path:
        """Where they are of *owner*, as it was in epoch *layout*."""
        return self._all / f"{layout}-{owner}"

    def take(self, owner: WorkerName, layout: int, *, later: Path | None = None) -> None:
        """Move the copies there, unless that was done: the *later* ones, if there are such."""
        source, target = self.cluster / "replicas" / owner, self.of(owner, layout)
        if later is not None and later.exists():
            source = later
        elif target.exists() or not source.exists():
            return
        try:
            if target.exists():
                shutil.rmtree(target)
            self._all.mkdir(mode=0o700, exist_ok=True)
            if (source / "heirs").exists():  # what it was the heir of itself, before all is done
                for each in (source / "heirs").iterdir():
                    if not (self._all / each.name).exists():
                        each.rename(self._all / each.name)
                sync_directory(self._all)
            source.rename(target)
            for directory in (source.parent, self._all, self.cluster):
                sync_directory(directory)
        except OSError as error:
            raise CannotCreateError(f"cannot move {source}: {error.strerror}") from error

    def forget(self) -> None:
        """Remove all of them."""
        try:
            if self._all.exists():
                shutil.rmtree(self._all)
        except OSError as error:
            raise CannotCreateError(f"cannot remove {self._all}: {error.strerror}") from error

    def forget_copies(self, but_of: WorkerName) -> None:
        """Remove the copies of all workers but one, for whom this worker keeps them now."""
        try:
            for each in (self.cluster / "replicas").glob("*"):
                if each.name != but_of:
                    shutil.rmtree(each)
        except OSError as error:
            raise CannotCreateError(f"cannot remove copies of files: {error.strerror}") from error


def noted_epoch(root: Path) -> int:
    """The epoch that is noted beside the copies in *root*; 0 if none is."""
    with contextlib.suppress(OSError, ValueError):
        return int((root / NOTE).read_text())
    return 0


def note_epoch(root: Path, epoch: int) -> None:
    """Note durably that the copies in *root* were whole in *epoch*. Raises OSError."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(root / NOTE, str(epoch).encode())
    sync_directory(root.parent)
    sync_directory(root.parent.parent)
