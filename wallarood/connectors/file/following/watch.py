"""What the kernel tells of changes in directories (inotify).

It tells nothing of what other hosts change on a network file system; `is_remote` says where that
may be. And there may be no more watches: a user has so many (`fs.inotify` in sysctl).
"""

import errno
import os
from collections.abc import Iterable
from typing import Any

import attrs
import structlog
import trio

REMOTE = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "fuse", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "orangefs", "panfs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)
"""Kinds of file systems that others may change unseen; `fuse` is also `fuse.anything`."""
MOUNTS = "/proc/self/mountinfo"
LIMIT = "no more inotify watches (see fs.inotify.max_user_watches)"

log = structlog.get_logger(__name__)


class UnwatchableError(Exception):
    """Not all changes of a directory would be told."""


@attrs.frozen
class Changes:
    """What has happened: files that were *written*, and whether names came, went or changed."""

    written: frozenset[str]
    names: bool

    def __bool__(self) -> bool:
        return bool(self.written) or self.names


@attrs.define(eq=False)
class Watch:
    """Watches the entries of directories. `close` it."""

    _inotify: Any
    _paths: dict[int, set[str]] = attrs.field(factory=dict)
    """What each watched directory is called, by its watch."""

    def look_at(self, directories: Iterable[str]) -> bool:
        """Watch *directories* and no others; whether one is watched that was not before.

        One that is gone is left out. Raises UnwatchableError: not all changes would be told.
        """
        from inotify_simple import flags  # noqa: PLC0415 (it loads ctypes; only followed files need it)

        mask = flags.MODIFY | flags.ATTRIB | flags.CREATE | flags.DELETE
        mask |= flags.MOVED_FROM | flags.MOVED_TO | flags.DELETE_SELF | flags.MOVE_SELF
        before, self._paths = self._paths, {}
        for path in directories:
            try:
                number = self._inotify.add_watch(path or ".", mask | flags.ONLYDIR)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                reason = LIMIT if error.errno == errno.ENOSPC else str(error.strerror)
                raise UnwatchableError(f"{path or '.'}: {reason}") from error
            self._paths.setdefault(number, set()).add(path)
        for number in before.keys() - self._paths.keys():
            self._drop(number)
        added = self._paths.keys() - before.keys()
        for number in added:
            for path in self._paths[number]:
                if is_remote(path):
                    raise UnwatchableError(f"{path or '.'} is on a file system of other hosts")
        return bool(added)

    def _drop(self, number: int) -> None:
        try:
            self._inotify.rm_watch(number)
        except OSError:
            return  # the directory is gone, and its watch with it

    async def wait(self) -> None:
        """Wait until something has happened."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())

    def take(self) -> Changes:
        """What has happened since this was asked."""
        from inotify_simple import flags  # noqa: PLC0415

        written: set[str] = set()
        names = False
        for number, mask, _, name in self._inotify.read(timeout=0):
            paths = self._paths.get(number, ())
            if mask & (flags.MODIFY | flags.ATTRIB) and name:
                written.update(os.path.join(path, name) for path in paths)
            elif paths or mask & flags.Q_OVERFLOW:
                names = True
            if mask & flags.MOVE_SELF and paths:
                self._drop(number)
            if mask & (flags.MOVE_SELF | flags.IGNORED):
                self._paths.pop(number, None)
        return Changes(frozenset(written), names)

    def close(self) -> None:
        """Watch nothing any more."""
        self._inotify.close()


def open_watch() -> Watch | None:
    """A `Watch` on nothing yet; None if the kernel gives none, which is said in the log."""
    from inotify_simple import INotify  # noqa: PLC0415

    try:
        return Watch(INotify(nonblocking=True))
    except OSError as error:
        log.warning("followed files are polled: no inotify instance", reason=str(error))
        return None


def is_remote(directory: str) -> bool:
    """Whether *directory* is on a file system that other hosts may change."""
    path = os.path.realpath(directory or ".")
    best, kind = "", ""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                before, _, after = line.partition(" - ")
                point = _unescaped(before.split(" ")[4])
                within = path == point or path.startswith(point.rstrip("/") + "/")
                if within and len(point) >= len(best):
                    best, kind = point, after.split(" ")[0]
    except (OSError, IndexError):
        return False
    return kind.partition(".")[0] in REMOTE


def _unescaped(point: str) -> str:
    r"""A mount point as it is called; blanks are written as ``\040`` there, for example."""
    for character in " \t\n\\":
        point = point.replace(f"\\{ord(character):03o}", character)
    return point
