"""A source that reads files: lines, JSON lines or CSV, plain or gzipped.

Theory of operation
===================
Every file is a partition. A chunk is read in a thread, cut at its last line end, and split into
records in one go; what is left over begins the next chunk. A position is the number of
(uncompressed) bytes before the next record, so it is always a record's end; with it goes a checksum
of what stands right before it, by which another file of the same name is found out.
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
from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits
from wallarood.connectors.parse import Parser, parser_for
from wallarood.model.errors import ApplicationError

CHUNK_BYTES = 1 << 20
FOLLOW_INTERVAL_S = 0.2
SEEN_BYTES = 1024
"""How much before a position its checksum covers."""

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

    Guarantee: exactly once, for files that are only ever appended to. One that was cut, rotated or
    replaced since the last checkpoint is an error, and never read as if it were the same.

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
        """See `Source.open`.

        A position is ``{"pass": number, "bytes": offset, "seen": [size, checksum]}``.
        """
        place = position or {"pass": 0, "bytes": 0}
        reader = FileReader(self, partition, context.limits, place["pass"])
        await trio.to_thread.run_sync(reader.begin, place["bytes"], place.get("seen"))
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
    _ready: deque[tuple[list[Any], int, bytes]] = attrs.field(factory=deque, init=False)

    def begin(self, offset: int, seen: tuple[int, str] | None = None) -> None:
        """Open the file at *offset*, before which stands what was *seen*.

        Raises ApplicationError: it cannot be opened, is shorter, or is another file.
        """
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
        if seen is not None:
            self._check_seen(offset, *seen)
        self.offset = offset

    def _check_seen(self, offset: int, size: int, checksum: str) -> None:
        assert self._file is not None
        self._seek(offset - size)
        before = self._file.read(size)
        if xxh3_64_hexdigest(before) != checksum:
            self._file.close()
            raise ApplicationError(
                f"input file {self.path} is not the one that was read before: the {size:,} bytes "
                f"before byte {offset:,} are others now. It was rotated or replaced: put the "
                "former file back under this name, or form a new cluster to read this one"
            )

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
                records, size, tail = self._ready.popleft()
                self.offset += size
                if records:
                    seen = [len(tail), xxh3_64_hexdigest(tail)]
                    position = {"pass": self.number, "bytes": self.offset, "seen": seen}
                    return SourceBatch(records, position)
            if not await self._fill():
                return None

    async def _fill(self) -> bool:
        """Read on; whether there may be more."""
        chunk = await trio.to_thread.run_sync(self._chunk)
        if chunk:
            self._split(chunk)
        elif self.source.follow:
            await trio.to_thread.run_sync(self._check_followed)
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

    def _check_followed(self) -> None:
        """Whoever rotates a file that is followed is told so, instead of waiting for ever."""
        assert self._file is not None
        try:
            there, ours = os.stat(self.path), os.fstat(self._file.fileno())
        except OSError as error:
            raise ApplicationError(f"followed file {self.path}: {error.strerror}") from error
        same = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        if not same or (there.st_size < self.offset and not self.path.endswith(".gz")):
            raise ApplicationError(
                f"followed file {self.path} was {'cut' if same else 'rotated or replaced'} after "
                f"{self.offset:,} bytes: files that are followed must only be appended to"
            )

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
        start = self.offset + sum(size for _, size, _ in self._ready)
        end = 0
        for first in range(0, len(lines), most):
            some = lines[first : first + most]
            size = sum(map(len, some)) + len(some)
            if size > self.limits.record_bytes_max:
                self._check_lengths(some, start)
            if first + most >= len(lines) and not data.endswith(b"\n"):
                size -= 1
            end += size
            tail = data[max(0, end - SEEN_BYTES) : end]
            self._ready.append((self._parser.parse_lines(some, start), size, tail))
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
