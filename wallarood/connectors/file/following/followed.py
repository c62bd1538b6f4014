"""One file that is followed, whatever happens to its name and content; see `follow`."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import structlog

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.following.copies import is_copy, last_line_end, stands_in
from wallarood.connectors.file.input import InputFile, open_input
from wallarood.connectors.file.listing import name_of, path_of, siblings
from wallarood.connectors.file.reader import CHUNK_BYTES, go_to, new_cutter, place_of
from wallarood.connectors.file.unpack import DamagedError
from wallarood.connectors.objects.raw import DiskFile
from wallarood.connectors.parse.cutter import SEEN_BYTES, Cutter, Taken
from wallarood.connectors.parse.lines import Ahead
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError

Inode: TypeAlias = tuple[int, int]
Listed: TypeAlias = Mapping[Inode, tuple[str, os.stat_result]]

HEAD_BYTES = 64

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Followed:
    """A file at `path`. `left` is whether no listed name leads to it any more.

    It may be closed at any time and is opened again where it was; `_closed_at` says where.
    """

    path: str
    inode: Inode
    form: Format
    limits: SourceLimits
    eager: bool = True
    left: bool = False
    left_since: float | None = None
    queued: bool = False
    _closed_at: dict[str, Any] = attrs.field(factory=lambda: {"bytes": 0, "line": 0})
    cut_at: dict[str, Any] | None = attrs.field(default=None, init=False)
    """Where it was before it was cut."""
    was_cut: bool = attrs.field(default=False, init=False)
    """Whether it was cut since someone has looked."""
    _file: InputFile | None = attrs.field(default=None, init=False)
    _cutter: Cutter | None = attrs.field(default=None, init=False)
    _ending: Cutter | None = attrs.field(default=None, init=False)
    """What is left of it from before it was cut."""
    _head: bytes = attrs.field(default=b"", init=False)
    _signature: tuple[int, int] | None = attrs.field(default=None, init=False)

    @property
    def name(self) -> str:
        """Its name in messages and positions."""
        return name_of(self.path)

    @property
    def key(self) -> str:
        """What its place is called in a position."""
        return f"left {self.inode[1]} {self.name}" if self.left else self.name

    @property
    def offset(self) -> int:
        """How many bytes were handed out."""
        offset: int = self._closed_at["bytes"]
        return offset if self._cutter is None else self._cutter.offset

    @property
    def is_idle(self) -> bool:
        """Whether it is open and has nothing to read."""
        return self._file is not None and not self.queued

    def place(self) -> dict[str, Any]:
        """Where it is, as part of a position."""
        place = self._closed_at if self._cutter is None else place_of(self._cutter)
        return {**place, "ino": self.inode[1], "path": self.name}

    def changed(self, status: os.stat_result) -> bool:
        """Whether there may be something to read since this was asked."""
        signature = (status.st_size, status.st_mtime_ns)
        if signature == self._signature or self.queued:
            return False
        was_new, self._signature = self._signature is None, signature
        return not (was_new and status.st_size == self.offset == 0)

    def status(self) -> os.stat_result:
        """What the open file is."""
        assert self._file is not None
        assert isinstance(self._file.raw, DiskFile)
        return os.fstat(self._file.raw.descriptor)

    def take(self) -> Taken | None:
        """The next records and faults that have been read."""
        if self._ending is not None:
            taken = self._ending.take()
            if taken is not None:
                return taken
            self._ending = None
        return None if self._cutter is None else self._cutter.take()

    def fill(self) -> bool:
        """Read on; whether there was something.

        Raises ApplicationError: it is damaged, and the policy is to stop.
        """
        try:
            if self._file is None and not self._open(self.path):
                return False
            assert self._file is not None
            if self._was_cut(self._file):
                self._restart("it was truncated and rewritten", self.place())
            return self._read(self._file)
        except OSError as error:
            log.warning("followed file cannot be read", file=self.name, reason=str(error))
            self.close()
        except DamagedError as error:
            message = f"input file {self.name}: {error}"
            if self.eager:
                raise ApplicationError(message) from error
            log.warning("followed file is damaged", file=self.name, reason=str(error))
        return False

    def _read(self, file: InputFile) -> bool:
        assert self._cutter is not None
        size = min(CHUNK_BYTES, self.limits.batch_bytes_max)
        data = file.read(size, Ahead.NOTHING if self.left else Ahead.MORE)
        if data and self.cut_at is not None and self.offset == 0 and not self._cutter.held:
            kept = data.lstrip(b"\0")  # its writer went on where it had been
            nothing = len(data) - len(kept)
            self._cutter.offset, self._cutter.before = nothing, data[:nothing][-SEEN_BYTES:]
            self._cutter.feed(kept)
        elif data:
            self._cutter.feed(data)
        return bool(data)

    def _open(self, path: str) -> bool:
        """Open it at *path* where it was; false if another file is there."""
        file = open_input(path, self.form)
        if file.inode != self.inode[1]:
            file.close()
            return False
        self._file, self._head = file, file.raw.read_at(HEAD_BYTES, 0)
        self._cutter = new_cutter(self.name, self.form, self.limits, stops=self.eager)
        if self._closed_at["bytes"]:
            wrong = go_to(file, self._cutter, self._closed_at)
            if wrong:
                self._restart(f"it {wrong}", self._closed_at)
        return True

    def _was_cut(self, file: InputFile) -> bool:
        """Whether what was read does not stand in the file any more."""
        assert self._cutter is not None
        if file.raw.size() < file.raw_offset:
            return True
        if not file.seekable:
            head = file.raw.read_at(HEAD_BYTES, 0)
            return not head.startswith(self._head[: len(head)]) or len(head) < len(self._head)
        known = self._cutter.before + self._cutter.rest
        start = self._cutter.offset - len(self._cutter.before)
        return file.raw.read_at(len(known), start) != known

    def _restart(self, why: str, place: dict[str, Any]) -> None:
        """Read it from its beginning, as another file; it was read up to *place*."""
        assert self._file is not None
        assert self._cutter is not None
        log.warning("followed file is read from its beginning", file=self.name, reason=why)
        self.cut_at, self.was_cut = place, True
        if self._cutter.held:
            self._cutter.finish()
            self._ending = self._cutter
        self._cutter = new_cutter(self.name, self.form, self.limits, stops=self.eager)
        self._head = self._file.raw.read_at(HEAD_BYTES, 0)
        self._file = InputFile(self._file.raw, self.form)

    def hold(self) -> bool:
        """See that it is open although its name is gone; false if it cannot be found."""
        if self._file is not None:
            return True
        found = [self.path, *(p for p, s in siblings(self.path) if s.st_ino == self.inode[1])]
        for path in found:
            try:
                if self._open(path):
                    return True
            except (OSError, DamagedError):
                continue
        return False

    def finish(self) -> bool:
        """It has come to its end: whether there is a last line without its end."""
        if self._cutter is None or not self._cutter.in_line or not self._cutter.held:
            return False
        self._cutter.finish()
        return True

    def close(self) -> None:
        """Close it; it can be opened again."""
        if self._file is not None:
            self._closed_at = self.place()
            self._file.close()
            self._file = self._cutter = None

    def continue_as_copy(self, copy: "Followed") -> bool:
        """Let *copy* begin after what was read of this file, if it is a copy of it.

        Before this file is cut that is its whole end: what stands in both is read here.
        """
        place = self.place()
        if self.cut_at is not None and is_copy(copy.path, self.cut_at, self.form):
            copy.go_to(self.cut_at)
            return True
        if is_copy(copy.path, place, self.form):
            copy.go_to(last_line_end(copy.path, place))
            return True
        return False

    def has_rest_of(self, cut: "Followed") -> bool:
        """Whether this is a copy of *cut* that has more than was read of that before it was cut."""
        place = cut.cut_at
        return (
            place is not None
            and self.offset > place["bytes"]
            and self.path.startswith(cut.path)
            and is_copy(self.path, place, self.form)
        )

    def go_to(self, place: dict[str, Any]) -> None:
        """Continue at *place*, which was one in another file."""
        self.close()
        self._closed_at = {**place, "ino": self.inode[1], "path": self.name}


def restored(
    position: Any, paths: tuple[str, ...], listed: Listed, *, form: Format, limits: SourceLimits
) -> Iterator[tuple[Followed | None, str, dict[str, Any]]]:
    """The files of *position*, each with its key and place; None for one that is not found."""
    if position is None:
        return
    if "files" not in position:  # of one file, by an earlier version
        position = {"files": {name_of(paths[0]): position}}
    by_number: dict[int, list[Inode]] = {}
    by_path = {path: inode for inode, (path, _) in listed.items()}
    for inode in listed:
        by_number.setdefault(inode[1], []).append(inode)
    taken: set[Inode] = set()
    for key, place in position["files"].items():
        path = path_of(place.get("path", key))
        found = _find(path, place, form, listed=listed, by_path=by_path, by_number=by_number)
        if found is None or found[1] in taken:
            yield None, key, place
            continue
        taken.add(found[1])
        file = Followed(*found, form, limits)
        file._closed_at = dict(place)
        yield file, key, place


def _find(
    path: str,
    place: dict[str, Any],
    form: Format,
    *,
    listed: Listed,
    by_path: Mapping[str, Inode],
    by_number: Mapping[int, list[Inode]],
) -> tuple[str, Inode] | None:
    """The path and inode of the file that was read up to *place* when it was called *path*."""
    number = place.get("ino")
    same_name = by_path.get(path)
    if same_name is not None and same_name[1] == number:
        return path, same_name
    for inode in by_number.get(number, ()) if number is not None else ():
        if stands_in(listed[inode][0], place, form):
            return listed[inode][0], inode
    for other, status in siblings(path) if number is not None else ():
        if status.st_ino == number and stands_in(other, place, form):
            return other, (status.st_dev, status.st_ino)
    if same_name is not None and stands_in(path, place, form):
        return path, same_name
    return None
