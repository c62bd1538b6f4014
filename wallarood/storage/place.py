"""The file of an open database: whether it is still at its path, and how large it is."""

import sqlite3
from contextlib import suppress
from pathlib import Path

import attrs

from wallarood.model.errors import DamagedStateError

FREE_PAGES_MIN = 4096
"""So many pages without content the file keeps in any case: the next checkpoint needs some."""
SHRINK_PAGES = 2048
"""By how many pages the file is made smaller after one write."""


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


def shrink(connection: sqlite3.Connection) -> None:
    """Make the file smaller, a step at a time, while less than a third of it has content.

    A state that was large once, or checkpoints that could not be committed, leave pages behind that
    SQLite would keep. A file that was made without `auto_vacuum` stays as large as it is.
    """
    with suppress(sqlite3.Error):  # what was written is durable; the next write tries again
        [(free,)] = connection.execute("PRAGMA freelist_count")
        [(pages,)] = connection.execute("PRAGMA page_count")
        surplus = free - max(FREE_PAGES_MIN, 2 * (pages - free))
        if surplus > 0:
            # By a script, which is done to its end: a single statement would free one page.
            connection.executescript(f"PRAGMA incremental_vacuum({min(surplus, SHRINK_PAGES)})")
