"""What a lost worker's sinks and sources have kept, as its heir has it: the copies, put aside."""
# Theory of operation
# ===================
# Copies of another worker's files are made where it says, under its name. One that comes back by
# the name of a lost one would have them replaced. So its heir moves them, when the change is
# decided, into a directory of its own, which has the epoch in its name in which they were made.

import shutil
from pathlib import Path

import attrs

from wallarood.disk.durable import sync_directory
from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import WorkerName


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

    def take(self, owner: WorkerName, layout: int) -> None:
        """Move the copies there, unless that was done."""
        source, target = self.cluster / "replicas" / owner, self.of(owner, layout)
        if target.exists() or not source.exists():
            return
        try:
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
