"""A sink that writes lines into files, one part after the other, each whole or not there."""

import errno
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import attrs
import structlog
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.file.disk import sync_directory
from wallarood.connectors.file.text import SUFFIXES, LineFormat, encoder
from wallarood.model.errors import ApplicationError, CannotCreateError

BUFFER_BYTES = 256 << 10

IfExists: TypeAlias = Literal["error", "append", "replace"]

log = structlog.get_logger(__name__)


def how_to_allow(directory: Path) -> str:
    """What lets a sink write into *directory*, for a message."""
    return (
        f"let the user that runs the worker write there, and where it is a systemd unit, add "
        f"ReadWritePaths={directory.absolute()} by 'systemctl edit'"
    )


@attrs.frozen
class FileSink:
    """Writes a file for each worker and instance into *directory*, which is made if need be.

    `format` is "tsv" (tuples, tab-separated), "lines" (`str(record)`), "json" (a value a line) or
    "csv". A file is called ``STEP-WORKER-INSTANCE-CLUSTER.NUMBER.EXT``. While it is being written
    its name begins with a dot and ends in ``.part``; it appears under its own name, by a rename,
    when the checkpoint that it belongs to is committed.

    `if_exists` says what becomes of parts that another cluster has left in the directory when a new
    one begins: "error" (default), "append" (they stay) or "replace" (they are removed).

    Guarantee: exactly once. A file that is there is whole and final; after a crash of any worker
    the files together hold every result once.

    >>> import wallarood as w
    >>> sink = w.FileSink("counts/")
    """

    directory: str | os.PathLike[str]
    format: LineFormat = "tsv"
    if_exists: IfExists = "error"

    def __attrs_post_init__(self) -> None:
        encoder(self.format)
        if self.if_exists not in ("error", "append", "replace"):
            raise ApplicationError(
                f"FileSink: if_exists={self.if_exists!r}: expected 'error', 'append' or 'replace'"
            )

    async def open(self, context: SinkContext, state: Any) -> "FileSinkWriter":
        """See `Sink.open`.

        Raises CannotCreateError: the directory cannot be made or written. Raises ApplicationError:
        it holds parts of another cluster.
        """
        directory = Path(self.directory)
        await trio.to_thread.run_sync(_make, directory)
        cluster = context.cluster_id[-8:] or "local"
        stem = f"{context.step}-{context.worker}-{context.instance}-{cluster}".replace("/", "_")
        writer = FileSinkWriter(directory, stem, self.format, state or 0)
        if state is None and self.if_exists != "append":
            await trio.to_thread.run_sync(self._heed_others, context.step, cluster)
        await trio.to_thread.run_sync(writer.remove_void)
        return writer

    def _heed_others(self, step: str, cluster: str) -> None:
        """Another cluster may have written here before."""
        name = re.escape(step.replace("/", "_"))
        suffix = re.escape(SUFFIXES[self.format])
        part = re.compile(rf"\.?{name}-.+-\d+-([0-9a-f]{{8}}|local)\.\d+\.{suffix}(\.part)?")
        for path in sorted(Path(self.directory).iterdir()):
            match = part.fullmatch(path.name)
            if match is None or match[1] == cluster:
                continue
            if self.if_exists == "error":
                raise ApplicationError(
                    f"sink directory {self.directory} holds parts of another cluster, such as "
                    f"{path.name}: choose another directory, or say what is to become of them: "
                    'FileSink(..., if_exists="append") keeps them, if_exists="replace" removes them'
                )
            path.unlink(missing_ok=True)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        is_allowed = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise CannotCreateError(f"sink directory {directory}: {error.strerror}") from error
        is_allowed = False
    if not is_allowed:
        raise CannotCreateError(
            f"sink directory {directory}: no permission to write; {how_to_allow(directory)}"
        )


@attrs.define(eq=False)
class FileSinkWriter:
    """An open `FileSink`. `part` is the file of the open transaction, made by its first record."""

    directory: Path
    stem: str
    format: LineFormat
    number: int
    part: Path | None = attrs.field(default=None, init=False)
    _file: BinaryIO | None = attrs.field(default=None, init=False)
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`: the number of the next part."""
        return self.number

    def remove_void(self) -> None:
        """Remove every part of this instance from `number` on: they were never committed."""
        try:
            for path in (*self.directory.glob(f".{self._pattern}.part"), *self._published()):
                if self._number_of(path) >= self.number:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotCreateError(f"{self.directory}: {error.strerror}") from error

    @property
    def _pattern(self) -> str:
        return f"{glob.escape(self.stem)}.*.{SUFFIXES[self.format]}"

    def _published(self) -> Iterator[Path]:
        return self.directory.glob(self._pattern)

    def _number_of(self, path: Path) -> int:
        digits = path.name.removeprefix(".").removeprefix(f"{self.stem}.").partition(".")[0]
        return int(digits) if digits.isdigit() else -1

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
        name = f"{self.stem}.{self.number:06d}.{SUFFIXES[self.format]}"
        self.number += 1
        part = self.directory / f".{name}.part"
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
            sync_directory(self.directory)
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
                sync_directory(self.directory)
            elif not final.exists():
                log.warning("a part is gone: it was taken away after it appeared", file=str(final))
        except OSError as error:
            raise CannotCreateError(f"{final}: {error.strerror}") from error

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        if self._file is not None and self.part is not None:
            self._file.close()
            self.part.unlink(missing_ok=True)
            self.part = self._file = None
