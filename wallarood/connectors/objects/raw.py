"""The bytes of a file or object at any place of it, wherever it is kept."""

import io
import os
from typing import Protocol

import attrs


class Raw(Protocol):
    """An open file or object, which does not change while it is open. All of it may block."""

    @property
    def inode(self) -> int:
        """Its number in its file system; 0 if it has none."""

    def size(self) -> int:
        """How many bytes it has now."""

    def read_at(self, size: int, offset: int) -> bytes:
        """At most *size* bytes from *offset* on, none at its end."""

    def close(self) -> None:
        """Close it."""


@attrs.frozen
class DiskFile:
    """A file of this host. All methods raise OSError."""

    descriptor: int

    @property
    def inode(self) -> int:
        """See `Raw.inode`."""
        return os.fstat(self.descriptor).st_ino

    def size(self) -> int:
        """See `Raw.size`."""
        return os.fstat(self.descriptor).st_size

    def read_at(self, size: int, offset: int) -> bytes:
        """See `Raw.read_at`."""
        return os.pread(self.descriptor, size, offset)

    def close(self) -> None:
        """See `Raw.close`."""
        os.close(self.descriptor)


def open_raw(path: str | bytes) -> DiskFile:
    """Open the file at *path*. Raises OSError."""
    return DiskFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


class RawFile(io.RawIOBase):
    """A `Raw` of *length* bytes as a file object, for libraries that want one."""

    def __init__(self, raw: Raw, length: int) -> None:
        super().__init__()
        self._raw, self._length, self._at = raw, length, 0

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """See `io.RawIOBase`: all that was asked for, unless the file ends before."""
        left = max(0, self._length - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted > 0:
            part = self._raw.read_at(wanted, self._at)
            if not part:
                break
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
