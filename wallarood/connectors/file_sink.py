"""A sink that writes lines into files, one part after the other, each whole or not there."""

import itertools
import os
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.text import SUFFIXES, LineFormat, encoder
from wallarood.model.errors import CannotCreateError

BUFFER_BYTES = 256 << 10


@attrs.frozen
class FileSink:
    """Writes a file for each worker and instance into *directory*, which is made if need be.

    `format` is "tsv" (tuples, tab-separated), "lines" (`str(record)`), "json" (a value a line) or
    "csv". A file is called ``STEP-WORKER-INSTANCE-CLUSTER.NUMBER.EXT``. While it is being written
    its name begins with a dot and ends in ``.part``; it appears under its own name when the job
    completes or the worker is stopped.

    Guarantee: a file that is there is whole. Of a worker that was killed nothing becomes visible.

    >>> import wallarood as w
    >>> sink = w.FileSink("counts/")
    """

    directory: str | os.PathLike[str]
    format: LineFormat = "tsv"

    def __attrs_post_init__(self) -> None:
        encoder(self.format)

    async def open(self, context: SinkContext) -> "FileSinkWriter":
        """See `Sink.open`. Raises CannotCreateError: the directory cannot be made or written."""
        directory = Path(self.directory)
        try:
            await trio.to_thread.run_sync(partial(directory.mkdir, parents=True, exist_ok=True))
        except OSError as error:
            raise CannotCreateError(f"sink directory {directory}: {error.strerror}") from error
        cluster = context.cluster_id[-8:] or "local"
        stem = f"{context.step}-{context.worker}-{context.instance}-{cluster}".replace("/", "_")
        return FileSinkWriter(directory, stem, self.format)


@attrs.define(eq=False)
class FileSinkWriter:
    """An open `FileSink`. `part` is the file of the open transaction, made by its first record."""

    directory: Path
    stem: str
    format: LineFormat
    part: Path | None = attrs.field(default=None, init=False)
    _file: BinaryIO | None = attrs.field(default=None, init=False)
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count, init=False)
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`. Raises CannotCreateError: the disk is full or not writable."""
        self._buffer += encoder(self.format)(records)
        if len(self._buffer) >= BUFFER_BYTES:
            await trio.to_thread.run_sync(self._flush)

    def _flush(self) -> None:
        try:
            if self._file is None:
                self.part, self._file = self._begin()
            data, self._buffer = self._buffer, bytearray()
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise CannotCreateError(f"{self.part or self.directory}: {error.strerror}") from error

    def _begin(self) -> tuple[Path, BinaryIO]:
        while True:
            name = f"{self.stem}.{next(self._numbers):04d}.{SUFFIXES[self.format]}"
            part = self.directory / f".{name}.part"
            if not (self.directory / name).exists():
                return part, part.open("wb")

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`: the part is on disk, still under its hidden name."""
        return await trio.to_thread.run_sync(self._prepare)

    def _prepare(self) -> Any:
        if self._buffer:
            self._flush()
        if self._file is None or self.part is None:
            return None
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise CannotCreateError(f"{self.part}: {error.strerror}") from error
        prepared, self.part, self._file = self.part.name, None, None
        return prepared

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`: the part gets its name."""
        await trio.to_thread.run_sync(self._commit, prepared)

    def _commit(self, prepared: str) -> None:
        part = self.directory / prepared
        final = self.directory / prepared.removeprefix(".").removesuffix(".part")
        try:
            if part.exists():
                part.rename(final)
            directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise CannotCreateError(f"{final}: {error.strerror}") from error

    async def abort(self, prepared: Any) -> None:
        """See `SinkWriter.abort`."""
        (self.directory / prepared).unlink(missing_ok=True)

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        if self._file is not None and self.part is not None:
            self._file.close()
            self.part.unlink(missing_ok=True)
            self.part = self._file = None
