"""The files of a spool: records that are durable here and that the server may not have yet.

Theory of operation
===================
What is written between two checkpoints is one file, called by the line and the number of its
first record. `prepare` makes it durable; its checksum is in what the checkpoint lists. The file is
removed when the server has all of it. When a writer is opened at a checkpoint, the files from there
on are void: they were never committed, or the cluster has gone back. Until the server was first
heard, a note says what it may have; see `wallarood.connectors.spool.due`.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import trio
from xxhash import xxh3_64

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.due import Due, noted_due
from wallarood.connectors.spool.place import Place, place_of
from wallarood.disk.durable import sync_directory, write_all
from wallarood.model.errors import ApplicationError, CannotCreateError, DamagedStateError

BUFFER_BYTES = 256 << 10
READ_BYTES = 256 << 10


@attrs.define(eq=False)
class SpoolFiles:
    """The files of a writer in *directory*. All calls but `add` block; one comes at a time.

    `place` is where the next record will be; `ending` is that of the files; `due` is what the
    server may have.
    """

    directory: Path
    ending: str
    place: Place
    due: Due
    _file: int | None = attrs.field(default=None, init=False)
    _path: Path | None = attrs.field(default=None, init=False)
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _checksum: xxh3_64 = attrs.field(factory=xxh3_64, init=False)
    _size_bytes: int = attrs.field(default=0, init=False)

    def add(self, data: bytes, records: int) -> bool:
        """Take in *data*, which is the next *records*; whether `flush` should be called now."""
        if self._path is None:
            self._path = self.directory / f"{self.place.file}{self.ending}"
        self._buffer += data
        self.place = attrs.evolve(self.place, next=self.place.next + records)
        return len(self._buffer) >= BUFFER_BYTES

    def flush(self) -> None:
        """Write what was added. Raises CannotCreateError: the disk is full or not writable."""
        assert self._path is not None
        try:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._file = os.open(self._path, flags, 0o600)
            data, self._buffer = bytes(self._buffer), bytearray()
            write_all(self._file, data)
            self._checksum.update(data)
            self._size_bytes += len(data)
        except OSError as error:
            raise CannotCreateError(f"{self._path}: {error.strerror}") from error

    def prepare(self) -> dict[str, Any] | None:
        """Make what was added durable; what a checkpoint lists of it, None if there is nothing.

        Raises CannotCreateError: the disk is full or not writable.
        """
        if self._path is None:
            return None
        self.flush()
        assert self._file is not None
        try:
            os.fsync(self._file)
            file, self._file = self._file, None
            os.close(file)
            sync_directory(self.directory)
        except OSError as error:
            raise CannotCreateError(f"{self._path}: {error.strerror}") from error
        prepared = {
            "file": self._path.name,
            "records": self.place.next - place_of(self._path.name)[1],
            "last": self.place.next - 1,
            "checksum": self._checksum.hexdigest(),
            "bytes": self._size_bytes,
            "line": self.place.line,
            "after": list(self.place.after),
        }
        self._checksum.reset()
        self._path, self._size_bytes = None, 0
        return prepared

    @property
    def has_some(self) -> bool:
        """Whether anything was added since the last `prepare`."""
        return self._path is not None

    def check(self, prepared: Any) -> None:
        """Raises DamagedStateError: the file that a checkpoint lists is not what was written."""
        if problem := check_file(self.directory, prepared):
            raise DamagedStateError(problem)

    def path_of(self, prepared: Any) -> Path:
        """The file that a checkpoint lists."""
        return self.directory / str(prepared["file"])

    def remove(self, prepared: Any) -> None:
        """The server has all of it."""
        self.path_of(prepared).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what was added since the last `prepare` is void."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                os.close(file)


async def opened_files(context: SinkContext, state: Any, ending: str) -> SpoolFiles:
    """The files of a writer that is opened at *state*: those from there on are removed.

    Raises ApplicationError: it is not in a cluster. Raises CannotCreateError: the directory cannot
    be made or written. Raises DamagedStateError: what is noted there cannot be read.
    """
    if not context.directory:
        raise ApplicationError(f"sink {context.step!r} needs a state directory for its records")
    directory, place = Path(context.directory), Place.of(state)
    await trio.to_thread.run_sync(_remove_void, directory, ending, place)
    due = await trio.to_thread.run_sync(_noted, directory, state, context.line)
    due.all_copied = context.all_copied
    return SpoolFiles(directory, ending, place.in_line(context.line), due)


def _noted(directory: Path, state: Any, line: int) -> Due:
    try:
        return noted_due(directory, state, line)
    except OSError as error:
        raise CannotCreateError(f"{directory}: {error.strerror}") from error


def _remove_void(directory: Path, ending: str, place: Place) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(directory.parent)
        for path in directory.glob(f"*{ending}"):
            if place_of(path.name) >= (place.line, place.next):
                path.unlink()
    except OSError as error:
        raise CannotCreateError(f"{directory}: {error.strerror}") from error


def check_file(directory: Path, prepared: Any) -> str:
    """What is wrong with a file that a checkpoint lists; empty if nothing is, or it is gone."""
    path, found = directory / prepared["file"], xxh3_64()
    try:
        with path.open("rb") as file:
            while data := file.read(READ_BYTES):
                found.update(data)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    whole = found.hexdigest() == prepared["checksum"]
    return "" if whole else f"{path} is damaged: its checksum is wrong"


def check_files(directory: Path, unpublished: Sequence[Any]) -> list[str]:
    """What is wrong with the files that a checkpoint lists; each in words."""
    found = [check_file(directory, each) for each in unpublished]
    return [each for each in found if each]
