"""Compressed input: told by its first bytes, never by its name, and unpacked as it comes.

Several streams may follow each other, as `cat a.gz b.gz` makes them; zeros between and after them
are padding. An input that ends in the middle of one is cut off, or it still grows.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import attrs

RAW_BYTES = 1 << 16

_GZIP, _BZIP2, _XZ, _ZSTD = "gzip", "bzip2", "xz", "Zstandard"
_MAGIC = {
    b"\x1f\x8b\x08": _GZIP,
    **{b"BZh%d1AY&SY" % level: _BZIP2 for level in range(1, 10)},
    **{b"BZh%d\x17rE8P\x90" % level: _BZIP2 for level in range(1, 10)},
    b"\xfd7zXZ\x00": _XZ,
    b"\x28\xb5\x2f\xfd": _ZSTD,
}
MAGIC_BYTES = max(map(len, _MAGIC))


class DamagedError(ValueError):
    """Packed data is not what its format says."""


def kind_of(head: bytes) -> str | None:
    """How an input that begins with *head* is packed: "" for not at all, None if more must come."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return None if any(magic.startswith(head) for magic in _MAGIC) else ""


class _Stream(Protocol):
    """One packed stream, as the decompressors of the standard library are."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """A gzip stream with the interface of the others."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail and not self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


def _xz() -> _Stream:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


def _zstandard() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415
        else:
            from backports import zstd  # noqa: PLC0415
    except ImportError:
        raise DamagedError(
            "packed by Zstandard, which needs backports.zstd: pip install 'wallarood[zstd]'"
        ) from None
    return zstd.ZstdDecompressor()


_STREAMS: dict[str, Callable[[], _Stream]] = {
    _GZIP: _Gzip,
    _BZIP2: bz2.BZ2Decompressor,
    _XZ: _xz,
    _ZSTD: _zstandard,
}


@attrs.define(eq=False)
class Unpacker:
    """Unpacks what *read_raw* gives, which returns at most so many bytes, none at the end."""

    kind: str
    read_raw: Callable[[int], bytes]
    _stream: _Stream | None = attrs.field(default=None, init=False)
    _raw: bytes = attrs.field(default=b"", init=False)

    @property
    def cut_off(self) -> bool:
        """Whether the input, if it ends here, ends in the middle of a stream."""
        return self._stream is not None

    @property
    def drained(self) -> bool:
        """Whether all that came has been unpacked and read."""
        return self._stream is None and not self._raw

    def read(self, size: int) -> bytes:
        """At most *size* bytes; none if the raw input has no more at present.

        Raises DamagedError: it is damaged, or a library for it is missing.
        """
        while True:
            if self._stream is None and not self._begin():
                return b""
            assert self._stream is not None
            if self._stream.needs_input and not self._raw:
                self._raw = self.read_raw(RAW_BYTES)
                if not self._raw:
                    return b""
            raw, self._raw = self._raw, b""
            try:
                data = self._stream.decompress(raw, size)
            except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as error:
                raise DamagedError(f"the {self.kind} data is damaged: {error}") from error
            except Exception as error:
                if type(error).__name__ != "ZstdError":
                    raise
                raise DamagedError(f"the {self.kind} data is damaged: {error}") from error
            if self._stream.eof:
                self._raw, self._stream = self._stream.unused_data, None
            if data:
                return data

    def _begin(self) -> bool:
        """Begin the stream that follows; false if none does at present."""
        while True:
            self._raw = self._raw.lstrip(b"\0")
            kind = kind_of(self._raw)
            if kind == self.kind:
                self._stream = _STREAMS[kind]()
                return True
            if kind is not None:
                raise DamagedError(f"what follows the {self.kind} data is no {self.kind} data")
            more = self.read_raw(RAW_BYTES)
            if not more:
                return False
            self._raw += more
