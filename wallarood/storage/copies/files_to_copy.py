"""What this worker's sources and sinks keep, as far as another disk does not have it."""
# Theory of operation
# ===================
# Files of connectors are appended to, or replaced by others. So what has been sent of a file stays
# sent as long as it is the same file, and what comes after is sent next. A journal tells how far
# each of its files is durable: no more is sent of that, since a write that fails is cut off again.
# When one tells so for the first time in this round, what was sent is compared: it may have ended
# in what was never durable. It is not sent again without need, as the copy would lack what clients
# were answered until it is there again. A segment after the last that was told of is just begun.
#
# The inode does not tell whether any other file is still the same: a file that takes the place of
# another often gets the inode of the one before that, and one of a name that a rollback has removed
# that of the removed one. So what has changed is compared with what was sent, by its checksum. One
# that is seen to grow is written by this round, and is not compared again unless it is small.

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import attrs
from xxhash import xxh3_64

from wallarood.model.messages.replicas import FileGone, FilePiece, FileState
from wallarood.storage.copies.copied_files import checksum_of, files_in

PIECE_BYTES = 256 << 10
SMALL_BYTES = 64 << 10
TICK_NS = 20_000_000
"""Longer than the steps in which a kernel tells when a file was changed."""


@attrs.define
class _Sent:
    """What has been sent of a file: `changed` is when it was changed by then, 0 if just then."""

    inode: int
    size: int
    checksum: int = 0
    changed: int = 0
    has_grown: bool = False
    is_told: bool = False
    """Whether all of it is what a journal has told of."""


@attrs.define(eq=False)
class FilesToCopy:
    """Those below *root*, the directory of a cluster. All calls but `holds` block."""

    root: Path
    _sent: dict[str, _Sent] = attrs.field(factory=dict, init=False)
    _durable: dict[str, int] = attrs.field(factory=dict, init=False)

    def holds(self, path: str, size: int) -> None:
        """A journal's file is durable up to *size*."""
        name = Path(path).relative_to(self.root).as_posix()
        self._durable[name] = size

    def compare(self, there: Iterable[FileState]) -> None:
        """Begin with what is *there* and the same as here."""
        self._sent = {}
        for state in there:
            path = self.root / state.path
            try:
                stat = path.stat()
                same = stat.st_size >= state.size
                same = same and checksum_of(path, state.size) == state.checksum
                inode = stat.st_ino if same else 0
                self._sent[state.path] = _Sent(inode, state.size, state.checksum)
            except FileNotFoundError:
                self._sent[state.path] = _Sent(0, state.size)

    def changes(self) -> Iterator[FilePiece | FileGone]:
        """What is to be sent now, in order. Raises OSError.

        What is gone comes last: it may be needed until the note is there that it is not.
        """
        here = dict(files_in(self.root))
        told = {name.rpartition("/")[0]: name for name in sorted(self._durable)}
        gone = sorted(self._sent.keys() - here.keys())
        for name in here:
            if (durable := self._durable.get(name)) is not None:
                yield from self._pieces(name, durable=durable)
            elif name < told.get(name.rpartition("/")[0], chr(0x10FFFF)):
                yield from self._pieces(name)
        for name in gone:
            self._sent.pop(name, None)
            yield FileGone(name)

    def _pieces(self, name: str, *, durable: int | None = None) -> Iterator[FilePiece]:
        try:
            with (self.root / name).open("rb") as file:
                yield from self._pieces_of(file, name, durable=durable)
        except FileNotFoundError:  # it was not needed any more, just now
            return

    def _pieces_of(self, file: BinaryIO, name: str, *, durable: int | None) -> Iterator[FilePiece]:
        is_told = durable is not None
        stat = os.fstat(file.fileno())  # not what it was when it was found: it may be another one
        size = stat.st_size if durable is None else min(stat.st_size, durable)
        sent = self._sent.get(name)
        if sent is None or sent.inode != stat.st_ino or sent.size > size:
            sent = None
        elif sent.is_told if is_told else self._is_known(sent, stat, size):
            found = None
        elif (found := _checksum(file, sent.size)).intdigest() != sent.checksum:
            sent = None
        if sent is None:
            sent, found = _Sent(stat.st_ino, 0), xxh3_64()
            self._sent[name] = sent
            yield FilePiece(name, 0, b"")
        sent.has_grown |= 0 < sent.size < size
        sent.is_told = is_told
        file.seek(sent.size)
        while sent.size < size and (data := file.read(min(PIECE_BYTES, size - sent.size))):
            yield FilePiece(name, sent.size, data)
            sent.size += len(data)
            if found is not None:
                found.update(data)
        if found is not None:
            sent.checksum = found.intdigest()
        is_past = stat.st_mtime_ns < time.time_ns() - TICK_NS
        sent.changed = stat.st_mtime_ns if is_past else 0

    def _is_known(self, sent: _Sent, stat: os.stat_result, size: int) -> bool:
        """Whether a file is the one of which *sent* was sent, without a look into it."""
        if sent.size == size and stat.st_mtime_ns == sent.changed:
            return True
        return sent.has_grown and sent.size > SMALL_BYTES


def _checksum(file: BinaryIO, size: int) -> xxh3_64:
    """Of the first *size* bytes of a file."""
    found, left = xxh3_64(), size
    while left and (data := file.read(min(left, PIECE_BYTES))):
        found.update(data)
        left -= len(data)
    return found
