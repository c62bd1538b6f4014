"""A source that reads files: lines, JSON lines or CSV, plain or gzipped.

Theory of operation
===================
Every file is a partition. A chunk is read in a thread, cut at its last line end, and split into
records in one go; what is left over begins the next chunk. A position is the number of
(uncompressed) bytes before the next record, so it is always a record's end.
"""

import glob
import gzip
import os
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import attrs
import trio

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits
from wallarood.connectors.parse import Parser, parser_for
from wallarood.model.errors import ApplicationError

CHUNK_BYTES = 1 << 20
FOLLOW_INTERVAL_S = 0.2

FileFormat: TypeAlias = Literal["lines", "json", "csv"]
StrPath: TypeAlias = str | os.PathLike[str]


@attrs.frozen(init=False)
class FileSource:
    """The records of one file or many; each file is read independently, in order.

    A path may be a file, a directory (all its files that do not begin with a dot) or a pattern with
    ``*``. `format` is "lines" (text without its line end), "json" (a value a line, of type `record`
    if given) or "csv" (a dict for each row, by the names in the first). A name that ends in ``.gz``
    is unpacked. With ``scope="local"`` each worker reads its own files, else (``"shared"``) all
    workers see the same paths and share them. ``follow=True`` waits for more at the end of a file.
    `repeat` reads every file so many times.

    Guarantee: a file that is read again from a position gives the same records, if only ever
    appended to.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.FileSource("logs/*.txt", "book.txt.gz"))
    """

    paths: tuple[str, ...]
    format: FileFormat
    scope: Scope
    follow: bool
    record: Any
    repeat: int

    def __init__(
        self,
        *paths: StrPath,
        format: FileFormat = "lines",
        scope: Literal["shared", "local"] = "shared",
        follow: bool = False,
        record: Any = None,
        repeat: int = 1,
    ) -> None:
        if not paths:
            raise ApplicationError("FileSource: expected at least one path")
        if format not in ("lines", "json", "csv"):
            raise ApplicationError(f"FileSource: format={format!r}: expected lines, json or csv")
        if scope not in ("shared", "local"):
            raise ApplicationError(f"FileSource: scope={scope!r}: expected 'shared' or 'local'")
        if repeat < 1 or (follow and repeat > 1):
            raise ApplicationError(
                f"FileSource: repeat={repeat}: expected 1 or more, 1 if followed"
            )
        types = {"lines": str, "csv": dict[str, str], "json": Any if record is None else record}
        self.__attrs_init__(
            tuple(os.fspath(path) for path in paths),
            format,
            Scope(scope),
            follow,
            types[format],
            repeat,
        )

    @property
    def bounded(self) -> bool:
        """Whether the files are only read to their end."""
        return not self.follow

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`. Raises ApplicationError: a path leads to no file."""
        found: list[str] = []
        for path in self.paths:
            found.extend(_files(path))
        return tuple(dict.fromkeys(found))

    def size_bytes(self, partition: str) -> int | None:
        """See `Source.size_bytes`; None for a gzipped or followed file."""
        if self.follow or partition.endswith(".gz"):
            return None
        try:
            return os.stat(partition).st_size * self.repeat
        except OSError:
            return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "FileReader":
        """See `Source.open`. A position is ``{"pass": number, "bytes": offset}``."""
        place = position or {"pass": 0, "bytes": 0}
        reader = FileReader(self, partition, context.limits, place["pass"])
        await trio.to_thread.run_sync(reader.begin, place["bytes"])
        return reader


def _files(path: str) -> list[str]:
    if glob.has_magic(path) and not Path(path).exists():
        found = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())
        if not found:
            raise ApplicationError(f"no file matches {path}")
        return found
    if Path(path).is_dir():
        return sorted(
            str(each) for each in Path(path).iterdir() if each.is_file() and each.name[0] != "."
        )
    if not Path(path).exists():
        raise ApplicationError(f"input file {path}: it does not exist")
    return [path]


@attrs.define(eq=False)
class FileReader:
    """An open file. `offset` counts the bytes of all records that were handed out."""

    source: FileSource
    path: str
    limits: SourceLimits
    number: int
    offset: int = attrs.field(default=0, init=False)
    _file: BinaryIO | None = attrs.field(default=None, init=False)
    _parser: Parser | None = attrs.field(default=None, init=False)
    _rest: bytes = attrs.field(default=b"", init=False)
    _ready: deque[tuple[list[Any], int]] = attrs.field(factory=deque, init=False)

    def begin(self, offset: int) -> None:
        """Open the file at *offset*. Raises ApplicationError: it cannot be opened or is shorter."""
        try:
            opened = gzip.open if self.path.endswith(".gz") else open
            self._file = opened(self.path, "rb")  # type: ignore[assignment]
        except OSError as error:
            raise ApplicationError(f"input file {self.path}: {error.strerror}") from error
        assert self._file is not None
        self._parser = parser_for(self.source.format, self.source.record, self.path)
        if offset and self.source.format == "csv":
            self._parser.parse_lines([self._file.readline().rstrip(b"\r\n")], 0)
        reached = self._seek(offset)
        if reached < offset:
            self._file.close()
            raise ApplicationError(
                f"input file {self.path} has {reached:,} bytes, but {offset:,} were read before: "
                "it was cut or replaced"
            )
        self.offset = offset

    def _seek(self, offset: int) -> int:
        assert self._file is not None
        if not self.path.endswith(".gz"):
            self._file.seek(0, os.SEEK_END)
            size = self._file.tell()
            return self._file.seek(min(offset, size))
        try:
            return self._file.seek(offset)
        except (OSError, EOFError, zlib.error) as error:
            raise ApplicationError(f"input file {self.path}: {error}") from error

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`. Raises ApplicationError: the file is damaged."""
        while True:
            while self._ready:
                records, size = self._ready.popleft()
                self.offset += size
                if records:
                    return SourceBatch(records, {"pass": self.number, "bytes": self.offset})
            if not await self._fill():
                return None

    async def _fill(self) -> bool:
        """Read on; whether there may be more."""
        chunk = await trio.to_thread.run_sync(self._chunk)
        if chunk:
            self._split(chunk)
        elif self.source.follow:
            await trio.sleep(FOLLOW_INTERVAL_S)
        elif self._rest:
            rest, self._rest = self._rest, b""
            self._add(rest)
        else:
            return await self._next_pass()
        return True

    async def _next_pass(self) -> bool:
        if self.number + 1 >= self.source.repeat or self.offset == 0:
            return False
        self.number += 1
        await self.aclose()
        await trio.to_thread.run_sync(self.begin, 0)
        return True

    def _chunk(self) -> bytes:
        assert self._file is not None
        try:
            return self._file.read(min(CHUNK_BYTES, self.limits.batch_bytes_max))
        except (OSError, EOFError, zlib.error) as error:
            after = self.offset + len(self._rest)
            raise ApplicationError(
                f"input file {self.path}: damaged after {after:,} bytes: {error}"
            ) from error

    def _split(self, chunk: bytes) -> None:
        data = self._rest + chunk
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if len(self._rest) > self.limits.record_bytes_max:
            raise self._too_long(self.offset + end)
        if end:
            self._add(data[:end])

    def _too_long(self, place: int) -> ApplicationError:
        return ApplicationError(
            f"input file {self.path}: the record at byte {place:,} is longer than "
            f"{self.limits.record_bytes_max:,} bytes (limits.record-bytes-max)"
        )

    def _add(self, data: bytes) -> None:
        assert self._parser is not None
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        most = self.limits.batch_records_max
        start = self.offset + sum(size for _, size in self._ready)
        for first in range(0, len(lines), most):
            some = lines[first : first + most]
            size = sum(map(len, some)) + len(some)
            if size > self.limits.record_bytes_max:
                self._check_lengths(some, start)
            if first + most >= len(lines) and not data.endswith(b"\n"):
                size -= 1
            self._ready.append((self._parser.parse_lines(some, start), size))
            start += size

    def _check_lengths(self, lines: list[bytes], start: int) -> None:
        for line in lines:
            if len(line) > self.limits.record_bytes_max:
                raise self._too_long(start)
            start += len(line) + 1

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the file stays as it is."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        if self._file is not None:
            self._file.close()
            self._file = None
