"""Following files that grow, are rotated, cut, replaced, renamed, and come and go.

Theory of operation
===================
A file is known by its inode, a name is what leads to it. A scan lists all files that the paths lead
to; `waking` says when: where the kernel tells which files were written, these alone are looked at.
A listed inode that is not followed yet is a new file; one that is not listed any more has been
renamed or removed: it is read on, by the open descriptor or under its other name beside the former
one, until it has not grown for some seconds, and then its last line counts as whole.

Before each read the bytes before the offset are looked at again. If they are others, or the file is
shorter, it was truncated and rewritten, as `copytruncate` does: it is read from its beginning. A
position has for each file its name, inode, offset and checksum, so a restart finds it in the same
ways. Nothing that happens to a file is an error here, since it could not be mended: what cannot be
read any more is said in the log.
"""

import os
import time
from collections import deque
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch, SourceLimits
from wallarood.connectors.file.following.followed import Followed, Inode, restored
from wallarood.connectors.file.following.waking import Waking
from wallarood.connectors.file.following.watch import open_watch
from wallarood.connectors.file.listing import candidates, name_of
from wallarood.connectors.file.reader import error_of
from wallarood.connectors.parse.options import Format

LEFT_S = 3.0
"""How long a file without a name that is listed must not have grown, to be at its end."""
SETTLED_S = 1.0
"""How old the last change of a file must be that may be a copy in the making."""
OPEN_MAX = 128

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class FollowReader:
    """Reads all files that *paths* lead to, now and later. `position` is where it was before."""

    paths: tuple[str, ...]
    form: Format
    limits: SourceLimits
    stops: bool
    position: Any
    caught_up: bool = attrs.field(default=False, init=False)
    """See `SourceReader.read`: all that there was when the files were looked at has been read."""
    _files: dict[Inode, Followed] = attrs.field(factory=dict, init=False)
    _due: deque[Followed] = attrs.field(factory=deque, init=False)
    """Files that have more to read."""
    _places: dict[str, Any] = attrs.field(factory=dict, init=False)
    _named: dict[str, Followed] = attrs.field(factory=dict, init=False)
    """Those that a listed name leads to, by it."""
    _unsettled: bool = attrs.field(default=False, init=False)
    """Whether there is a file of which it is too early to say what it is."""
    _scanned: bool = attrs.field(default=False, init=False)
    _waking: Waking = attrs.field(factory=Waking, init=False)

    async def read(self) -> SourceBatch:
        """See `SourceReader.read`; there is no end.

        Raises ApplicationError: a record cannot be read, and the policy is to stop.
        """
        await trio.lowlevel.checkpoint()
        while True:
            while self._due:
                file = self._due[0]
                taken = file.take()
                if taken is not None:
                    records, faults = taken
                    if faults and self.stops:
                        raise error_of(faults[0])
                    self._places = {**self._places, file.key: file.place()}
                    return SourceBatch(records, {"files": self._places}, faults)
                if await trio.to_thread.run_sync(self._fill, file):
                    self._due.rotate(-1)
                else:
                    self._due.popleft().queued = False
            self.caught_up = self._scanned
            written = await self._waking.wait(self._named.keys())
            await trio.to_thread.run_sync(self._look, written, trio.current_time())
            self.caught_up = self._scanned and not self._due

    def _fill(self, file: Followed) -> bool:
        filled = file.fill()
        if file.was_cut:
            file.was_cut = False
            for other in self._files.values():
                if other is not file and other.has_rest_of(file):
                    log.info("the rest of a truncated file is in a copy", file=other.name)
                    other.go_to(file.cut_at or {})
                    self._places = {**self._places, other.key: other.place()}
                    self._queue(other)
        return filled

    def _look(self, written: frozenset[str] | None, now: float) -> None:
        """Look at the files that were *written*; None: at all."""
        if written is None or not all(map(self._look_at, written)):
            began = time.thread_time()
            self._scan()
            took = time.thread_time() - began if self._scanned else 0.0  # the first has more to do
            self._scanned = True
            self._waking.scanned(took, found=self._due, now=now)
        self._close_some()

    def _look_at(self, path: str) -> bool:
        """Look at one file that was written; false if another one is there now."""
        file = self._named[path]
        try:
            status = os.stat(path)
        except OSError:
            return False
        if (status.st_dev, status.st_ino) != file.inode:
            return False
        if file.changed(status):
            self._queue(file)
        return True

    def _scan(self) -> None:
        self._unsettled = False
        listed: dict[Inode, tuple[str, os.stat_result]] = {}
        for path, status in candidates(self.paths):
            inode = (status.st_dev, status.st_ino)
            known = self._files.get(inode)
            if inode not in listed or (known is not None and known.path == path):
                listed[inode] = (path, status)
        if not self._scanned:
            self._waking.watch = open_watch()
            self._restore(listed)
        self._named = {each.path: each for each in self._files.values()}
        for inode, (path, status) in listed.items():
            file = self._files.get(inode)
            if file is None:
                file = self._new(inode, path, status)
                if file is None:
                    continue
            elif file.path != path or file.left:
                self._rename(file, path)
            file.left_since = None
            if file.changed(status):
                self._queue(file)
        for inode, file in list(self._files.items()):
            if inode not in listed:
                self._leave(file)
        self._named = {each.path: each for each in self._files.values() if not each.left}
        left = len(self._named) < len(self._files)
        added = self._waking.look_at(self.paths, self._named)
        self._waking.restless = left or added or self._unsettled

    def _restore(self, listed: dict[Inode, tuple[str, os.stat_result]]) -> None:
        """Find the files of the position again."""
        for file, key, place in restored(
            self.position, self.paths, listed, form=self.form, limits=self.limits
        ):
            if file is None:
                log.warning(
                    "followed file is gone; data after its last record was not read",
                    file=key,
                    byte=place["bytes"],
                )
                continue
            self._add(file)
            self._places[file.key] = file.place()

    def _add(self, file: Followed) -> None:
        file.eager = self.stops
        self._files[file.inode] = file

    def _new(self, inode: Inode, path: str, status: os.stat_result) -> Followed | None:
        """A file that was not there before; None if it is too early to say what it is."""
        file = Followed(path, inode, self.form, self.limits)
        original = self._original_of(path) if self._scanned or self._places else None
        if original is not None:
            if time.time() - status.st_mtime < SETTLED_S:
                self._unsettled = True
                return None
            if original.continue_as_copy(file):
                log.info("new file is a copy", file=name_of(path), original=original.name)
        if self._scanned:
            log.info("new file found", file=name_of(path))
        self._add(file)
        return file

    def _original_of(self, path: str) -> Followed | None:
        """The file that rotation may have copied to *path*: one whose name it begins with."""
        named = self._named
        for end in range(len(path) - 1, len(os.path.dirname(path)) + 1, -1):
            if path[:end] in named and named[path[:end]].offset:
                return named[path[:end]]
        return None

    def _rename(self, file: Followed, path: str) -> None:
        log.info("followed file has another name", file=file.name, now=name_of(path))
        self._forget_place(file)
        file.path, file.left = path, False
        if file.offset:
            self._places = {**self._places, file.key: file.place()}

    def _forget_place(self, file: Followed) -> None:
        self._places = {key: place for key, place in self._places.items() if key != file.key}

    def _leave(self, file: Followed) -> None:
        """No name leads to the file any more."""
        now = time.monotonic()
        if file.left_since is None:
            file.left_since = now
            if not file.hold():
                log.warning("followed file is gone", file=file.name, byte=file.offset)
                self._drop(file)
                return
            if file.key in self._places:
                self._forget_place(file)
            file.left = True
            self._places = {**self._places, file.key: file.place()}
        if file.queued:
            return
        if file.changed(file.status()):
            file.left_since = now
            self._queue(file)
        elif now - file.left_since > LEFT_S:
            if file.finish():
                self._queue(file)
                return
            log.info("followed file was renamed or removed: read to its end", file=file.name)
            self._drop(file)

    def _queue(self, file: Followed) -> None:
        if not file.queued:
            file.queued = True
            self._due.append(file)

    def _drop(self, file: Followed) -> None:
        self._forget_place(file)
        file.close()
        del self._files[file.inode]

    def _close_some(self) -> None:
        """Files that have been idle for longest are closed; they are found by their names."""
        idle = [each for each in self._files.values() if each.is_idle and not each.left]
        for file in idle[: max(0, len(idle) - OPEN_MAX)]:
            file.close()

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the files stay as they are."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self._waking.close()
        for file in self._files.values():
            file.close()
