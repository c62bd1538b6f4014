"""An open `S3Sink`: makes objects, keeps them until they are committed, and puts them.

Theory of operation
===================
What is written between two checkpoints is a file in the state directory, or several if it is large:
byte for byte what the object will be. `prepare` makes them durable, with their checksums in what
the checkpoint lists; `commit` puts each under its name, unless that is there, and removes the file.
A crash at any point leads to the same name and the same bytes. The number of what was put is noted
before the file is removed, so that a file that is missing for another reason is found out.

Names are numbered through. When a cluster was put back to a kept checkpoint, what is made again is
in another *line*, which is in the name: what was put after the kept checkpoint stays.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio
from xxhash import xxh3_64

from wallarood.app.connector import SinkContext
from wallarood.connectors.content.body import PartBody
from wallarood.connectors.file.parts import Appeared, PartNames
from wallarood.connectors.s3.bucket import Bucket
from wallarood.connectors.s3.put import Putting
from wallarood.connectors.spool.files import check_file
from wallarood.disk.durable import sync_directory, write_all
from wallarood.model.errors import CannotCreateError, DamagedStateError

PART_BYTES = 128 << 20
ENDING = ".part"


@attrs.frozen
class ObjectPlace:
    """Where a writer stands: its line, the number of its next object, what its body keeps."""

    line: int = 0
    number: int = 0
    kept: str | None = None

    @classmethod
    def of(cls, state: Any) -> "ObjectPlace":
        """From the state of a writer; None: the beginning."""
        return cls() if state is None else cls(state["line"], state["number"], state["kept"])

    @property
    def state(self) -> dict[str, Any]:
        """As the state of a writer, a JSON value."""
        return {"line": self.line, "number": self.number, "kept": self.kept}

    def in_line(self, line: int) -> "ObjectPlace":
        """Where a writer that is opened in *line* begins."""
        return attrs.evolve(self, line=max(line, self.line))


@attrs.define(eq=False)
class S3SinkWriter:
    """See `SinkWriter`."""

    bucket: Bucket
    directory: Path
    context: SinkContext
    suffix: str
    place: ObjectPlace
    body: PartBody
    part_bytes: int
    spool_bytes_max: int
    _stem: str = attrs.field(init=False)
    _putting: Putting = attrs.field(init=False)
    _file: int | None = attrs.field(default=None, init=False)
    _size_bytes: int = attrs.field(default=0, init=False)
    _checksum: xxh3_64 = attrs.field(factory=xxh3_64, init=False)
    _made: list[dict[str, Any]] = attrs.field(factory=list, init=False)
    """The parts of the open transaction that are done."""
    _put: Appeared | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._stem = PartNames.of(self.context, self.suffix).stem
        self._putting = Putting(self.bucket)

    def begin(self, place: ObjectPlace) -> None:
        """Remove what was made after *place*: it was never committed. Blocks."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.directory.parent)
            for path in self.directory.glob(f"*{ENDING}"):
                if int(path.name.partition("-")[0]) >= place.number:
                    path.unlink()
            self._put = Appeared(self.directory, place.number)
        except OSError as error:
            raise CannotCreateError(f"{self.directory}: {error.strerror}") from error

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`."""
        return attrs.evolve(self.place, kept=self.body.kept).state

    @property
    def _path(self) -> Path:
        return self.directory / f"{self.place.number:06d}-{self.place.line}{ENDING}"

    @property
    def _name(self) -> str:
        line = f"{self.place.line}." if self.place.line else ""
        return f"{self._stem}.{line}{self.place.number:06d}.{self.suffix}"

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`. Raises CannotCreateError: the disk is full."""
        if self.body.add(records):
            await trio.to_thread.run_sync(self._write, self.body.take)
            if self._size_bytes >= self.part_bytes:
                await trio.to_thread.run_sync(self._end_part)

    def _write(self, made: Callable[[], bytes]) -> None:
        data = made()
        if not data:
            return
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            write_all(self._file, data)
        except OSError as error:
            raise CannotCreateError(f"{self._path}: {error.strerror}") from error
        self._checksum.update(data)
        self._size_bytes += len(data)

    def _end_part(self) -> None:
        self._write(self.body.finish)
        if self._file is None:
            return
        try:
            os.fsync(self._file)
            file, self._file = self._file, None
            os.close(file)
        except OSError as error:
            raise CannotCreateError(f"{self._path}: {error.strerror}") from error
        self._made.append(
            {
                "file": self._path.name,
                "name": self._name,
                "number": self.place.number,
                "checksum": self._checksum.hexdigest(),
                "bytes": self._size_bytes,
            }
        )
        self._checksum.reset()
        self._size_bytes = 0
        self.place = attrs.evolve(self.place, number=self.place.number + 1)

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`."""
        return await trio.to_thread.run_sync(self._prepare)

    def _prepare(self) -> Any:
        self._end_part()
        if not self._made:
            return None
        try:
            sync_directory(self.directory)
        except OSError as error:
            raise CannotCreateError(f"{self.directory}: {error.strerror}") from error
        parts, self._made = self._made, []
        return {"parts": parts, "bytes": sum(each["bytes"] for each in parts)}

    def is_full(self, unpublished: Sequence[Any]) -> bool:
        """Whether sources should pause: so much of what is committed waits for the server."""
        return bool(sum(each["bytes"] for each in unpublished) >= self.spool_bytes_max)

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`: returns when the server has all objects.

        Raises ServerAwayError or ConfigurationError: it cannot be had now. Raises
        DamagedStateError: a file is damaged or gone, or the server has another object.
        """
        for part in prepared["parts"]:
            await trio.to_thread.run_sync(self._commit, part)

    def _commit(self, part: dict[str, Any]) -> None:
        path = self.directory / part["file"]
        if problem := check_file(self.directory, part):
            raise DamagedStateError(problem)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            self._check_put(part, path)
            return
        except OSError as error:
            raise DamagedStateError(f"{path}: {error.strerror}") from error
        self._putting.put(part["name"], data)
        try:
            assert self._put is not None
            self._put.note(part["number"])
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotCreateError(f"{path}: {error.strerror}") from error

    def _check_put(self, part: dict[str, Any], path: Path) -> None:
        assert self._put is not None
        if part["number"] not in self._put and not self._putting.is_there(part["name"]):
            raise DamagedStateError(
                f"{path} is gone, and {self.bucket.url(self.bucket.key(part['name']))} is not "
                "there: its results are committed. Put the newest state directory back, or form a "
                "new cluster"
            )

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                os.close(file)


def check_parts(directory: Path, unpublished: Sequence[Any]) -> list[str]:
    """What is wrong with the files that a checkpoint lists; each in words."""
    found = [check_file(directory, part) for each in unpublished for part in each["parts"]]
    return [each for each in found if each]
