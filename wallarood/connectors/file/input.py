"""One open input file: bytes in sequence, however they are packed or encoded.

An offset counts the bytes that a parser sees: unpacked, and in UTF-8 where the encoding is one of
wide characters. To continue at an offset in such a file it is read again from its beginning.
"""

import codecs
from typing import Any

import attrs

from wallarood.connectors.file.unpack import MAGIC_BYTES, DamagedError, Unpacker, kind_of
from wallarood.connectors.objects.raw import Raw, open_raw
from wallarood.connectors.parse.lines import Ahead
from wallarood.connectors.parse.options import Format

READ_BYTES = 1 << 20


@attrs.define(eq=False)
class InputFile:
    """An open file. `offset` is that of the next byte that `read` returns."""

    raw: Raw
    form: Format
    offset: int = attrs.field(default=0, init=False)
    raw_offset: int = attrs.field(default=0, init=False)
    kind: str | None = attrs.field(default=None, init=False)
    """How it is packed: "" for not at all, None while it is too short to tell."""
    _unpacker: Unpacker | None = attrs.field(default=None, init=False)
    _decoder: Any = attrs.field(default=None, init=False)
    _excess: bytes = attrs.field(default=b"", init=False)

    def __attrs_post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.offset = self.raw_offset = 0
        self._unpacker = Unpacker(self.kind, self._read_raw) if self.kind else None
        self._decoder, self._excess = None, b""
        if self.form.wide:
            self._decoder = codecs.getincrementaldecoder(self.form.encoding)(self.form.errors)

    @property
    def seekable(self) -> bool:
        """Whether an offset is one of the file itself."""
        return not self.kind and self._decoder is None

    @property
    def at_end(self) -> bool:
        """Whether there is nothing after what was read. Raises OSError."""
        if self._excess or (self._unpacker is not None and not self._unpacker.drained):
            return False
        return self.raw_offset >= self.raw.size()

    @property
    def inode(self) -> int:
        """The number of the file in its file system. Raises OSError."""
        return self.raw.inode

    @property
    def cut_off(self) -> bool:
        """Whether the file, if it ends here, is not whole."""
        return self._unpacker is not None and self._unpacker.cut_off

    def _read_raw(self, size: int) -> bytes:
        data = self.raw.read_at(size, self.raw_offset)
        self.raw_offset += len(data)
        return data

    def read(self, size: int, ahead: Ahead = Ahead.NOTHING) -> bytes:
        """At most *size* bytes, none if there are no more at present; *ahead*: it still grows.

        Raises OSError, and DamagedError: it is not what its format says.
        """
        if self.kind is None:
            self.kind = kind_of(self.raw.read_at(MAGIC_BYTES, 0))
            if self.kind is None and ahead is Ahead.NOTHING:
                self.kind = ""
            if self.kind is None:
                return b""
            self._begin()
        data = self._read_wide(size, ahead) if self._decoder else self._unpacked(size)
        self.offset += len(data)
        return data

    def _unpacked(self, size: int) -> bytes:
        return self._unpacker.read(size) if self._unpacker else self._read_raw(size)

    def _read_wide(self, size: int, ahead: Ahead) -> bytes:
        while not self._excess:
            data = self._unpacked(size)
            try:
                text = self._decoder.decode(data, ahead is Ahead.NOTHING and not data)
            except UnicodeError as error:
                raise DamagedError(str(error)) from error
            if self.offset == 0:
                text = text.removeprefix("\ufeff")
            self._excess = text.encode("utf-8", "surrogatepass")
            if not data:
                break
        data, self._excess = self._excess[:size], self._excess[size:]
        return data

    def seek(self, offset: int, size: int) -> bytes:
        """Go to *offset*; the *size* bytes before it, fewer if the file is shorter.

        Raises OSError, and DamagedError: it is not what its format says.
        """
        if self.kind is None:
            self.kind = kind_of(self.raw.read_at(MAGIC_BYTES, 0)) or ""
        self._begin()
        if self.seekable:
            start = max(0, offset - size)
            before = self.raw.read_at(offset - start, start)
            end = start + len(before) if before else min(start, self.raw.size())
            self.offset = self.raw_offset = end
            return before
        before = b""
        while self.offset < offset:
            data = self.read(min(READ_BYTES, offset - self.offset))
            if not data:
                break
            before = (before + data)[-size:] if size else b""
        return before

    def close(self) -> None:
        """Close the file."""
        self.raw.close()


def open_input(path: str | bytes, form: Format) -> InputFile:
    """Open the file at *path*. Raises OSError."""
    return InputFile(open_raw(path), form)
