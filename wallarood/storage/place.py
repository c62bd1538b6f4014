"""Whether a file that is open is still the one at its path."""

from pathlib import Path

import attrs

from wallarood.model.errors import DamagedStateError


@attrs.frozen
class Place:
    """The path of a file, and the number of the file that was there; None: there was none."""

    path: Path
    inode: int | None

    @classmethod
    def of(cls, path: Path) -> "Place":
        """The place of the file that is there now. Raises OSError."""
        return cls(path, _inode_of(path))

    def check(self) -> None:
        """SQLite would continue to write into a file that no directory has any more.

        Raises DamagedStateError: the file was removed or replaced.
        """
        try:
            now = _inode_of(self.path)
        except OSError:  # the write that follows says it
            return
        if now != self.inode:
            done = "removed" if now is None else "replaced"
            raise DamagedStateError(
                f"{self.path} was {done} while this worker ran: what it would write there is lost. "
                "Put a copy of its state directory back that was made at a checkpoint which all "
                "have kept (wallarooctl checkpoint --keep), or end the cluster and form a new one"
            )


def _inode_of(path: Path) -> int | None:
    """The number of the file; None: there is none. Raises OSError."""
    try:
        return path.stat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None
