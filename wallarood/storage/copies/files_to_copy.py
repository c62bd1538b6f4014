"""What this worker's sources and sinks keep, as far as another disk does not have it."""
# Theory of operation
# ===================
# Files of connectors are appended to, or replaced by others. So what has been sent of a file stays
# sent as long as it is the same file, and what comes after is sent next. A journal tells how far
# each of its files is durable: no more is sent of that, since a write that fails is cut off again.
# Of one that has not told so in this round all is sent again then, for the same reason: it may have
# ended in what was never durable. Segments are small. One that comes after the last that was told
# of has just been begun.

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from wallarood.model.messages.replicas import FileGone, FilePiece, FileState
from wallarood.storage.copies.copied_files import checksum_of, files_in

PIECE_BYTES = 256 << 10


@attrs.define
class _Sent:
    inode: int
    size: int


@attrs.define(eq=False)
class FilesToCopy:
    """Those below *root*, the directory of a cluster. All calls but `holds` block."""

    root: Path
    _sent: dict[str, _Sent] = attrs.field(factory=dict, init=False)
    _durable: dict[str, int] = attrs.field(factory=dict, init=False)

    def holds(self, path: str, size: int) -> None:
        """A journal's file is durable up to *size*."""
        name = Path(path).relative_to(self.root).as_posix()
        if name not in self._durable:
            self._sent.pop(name, None)
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
                self._sent[state.path] = _Sent(stat.st_ino if same else 0, state.size)
            except FileNotFoundError:
                self._sent[state.path] = _Sent(0, state.size)

    def changes(self) -> Iterator[FilePiece | FileGone]:
        """What is to be sent now, in order. Raises OSError."""
        here = dict(files_in(self.root))
        told = {name.rpartition("/")[0]: name for name in sorted(self._durable)}
        for name in sorted(self._sent.keys() - here.keys()):
            del self._sent[name]
            yield FileGone(name)
        for name, size in here.items():
            if name in self._durable:
                yield from self._pieces(name, min(size, self._durable[name]))
            elif name < told.get(name.rpartition("/")[0], chr(0x10FFFF)):
                yield from self._pieces(name, size)

    def _pieces(self, name: str, size: int) -> Iterator[FilePiece]:
        try:
            with (self.root / name).open("rb") as file:
                inode = (self.root / name).stat().st_ino
                sent = self._sent.get(name)
                if sent is None or sent.inode != inode or sent.size > size:
                    sent = self._sent[name] = _Sent(inode, 0)
                    yield FilePiece(name, 0, b"")
                file.seek(sent.size)
                while sent.size < size:
                    data = file.read(min(PIECE_BYTES, size - sent.size))
                    if not data:
                        return
                    yield FilePiece(name, sent.size, data)
                    sent.size += len(data)
        except FileNotFoundError:  # it was not needed any more, just now
            return
