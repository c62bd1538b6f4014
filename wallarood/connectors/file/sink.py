"""A sink that writes lines into files, one part after the other, each whole or not there."""

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.content.body import PartBody, PartFormat, PartOptions, PartPlace
from wallarood.connectors.file.parts import Appeared, PartNames, final_name, parts_of_others
from wallarood.connectors.parquet.options import Compression, ParquetOptions
from wallarood.connectors.text import LineOptions, Nan
from wallarood.disk.durable import nearest_existing, sync_directory, write_all
from wallarood.model.errors import ApplicationError, CannotCreateError, DamagedStateError

IfExists: TypeAlias = Literal["error", "append", "replace"]


def how_to_allow(directory: Path) -> str:
    """What lets a sink write into *directory*, for a message."""
    return (
        f"let the user that runs the worker write there, and where it is a systemd unit, add "
        f"ReadWritePaths={directory.absolute()} by 'systemctl edit'"
    )


@attrs.frozen
class FileSink:
    """Writes a file for each worker and instance into *directory*, which is made if need be.

    `format` is "tsv" (the fields of a record between tabs; a text as it is), "lines"
    (`str(record)`), "json" (a value a line) or "csv". Records with fields are tuples, dicts, attrs
    classes, dataclasses, msgspec structs, named tuples and pydantic models. `header` (csv, tsv) is
    True or False for a first row with the names of the columns, or a list of the fields to write;
    csv has one where records have names. `delimiter` is for csv. `nan` (json) says how NaN and
    infinities are written: "null", "text" or "error". See FORMATS OF LINES in wallarood-app(7).
    The format "parquet" needs ``pip install 'wallarood[parquet]'``: its columns are the fields of
    the class `record`, or those of `schema` (a ``pyarrow.Schema``), or `columns`, whose types are
    those of the first records; or all follow from these. `compression` is "zstd", "snappy", "gzip",
    "lz4" or "none".

    A file is called ``STEP@WORKER-INSTANCE-CLUSTER.NUMBER.EXT``. While it is being written its name
    begins with a dot and ends in ``.part``; it appears under its own name, by a rename, when the
    checkpoint that it belongs to is committed. A file that has appeared may be moved away; one that
    disappears before that stops the job.

    `if_exists` says what becomes of parts that another cluster has left in the directory when a new
    one begins: "error" (default), "append" (they stay) or "replace" (they are removed).

    Guarantee: exactly once. A file that is there is whole and final; after a crash of any worker
    the files together hold every result once.

    >>> import wallarood as w
    >>> sink = w.FileSink("counts/")
    """

    directory: str | os.PathLike[str]
    format: PartFormat = "tsv"
    if_exists: IfExists = "error"
    header: bool | Sequence[str] | None = None
    delimiter: str = ","
    nan: Nan = "null"
    record: Any = attrs.field(default=None, kw_only=True)
    columns: Sequence[str] | None = attrs.field(default=None, kw_only=True)
    schema: Any = attrs.field(default=None, kw_only=True)
    compression: Compression = attrs.field(default="zstd", kw_only=True)

    @property
    def _options(self) -> PartOptions:
        lines = LineOptions(self.header, self.delimiter, self.nan)
        columns = ParquetOptions(self.record, self.columns, self.schema, self.compression)
        return PartOptions(self.format, lines, columns)

    def __attrs_post_init__(self) -> None:
        self._options.check("FileSink")
        if self.if_exists not in ("error", "append", "replace"):
            raise ApplicationError(
                f"FileSink: if_exists={self.if_exists!r}: expected 'error', 'append' or 'replace'"
            )

    def check(self) -> None:
        """Raises CannotCreateError: who runs this may not write into the directory.

        Raises ApplicationError: a library is missing that the format needs.
        """
        self._options.check_there()
        directory = Path(self.directory)
        nearest = nearest_existing(directory)
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise CannotCreateError(
                f"no permission to write in {nearest}; {how_to_allow(directory)}"
            )

    async def open(self, context: SinkContext, state: Any) -> "FileSinkWriter":
        """See `Sink.open`.

        Raises CannotCreateError: the directory cannot be made or written. Raises ApplicationError:
        it holds parts of another cluster.
        """
        directory = Path(self.directory)
        await trio.to_thread.run_sync(_make, directory)
        options, place = self._options, PartPlace.of(state)
        names = PartNames.of(context, options.suffix)
        body = options.body("FileSink", context.step, place.kept)
        writer = FileSinkWriter(directory, names, place.number, body)
        if state is None and self.if_exists != "append":
            await trio.to_thread.run_sync(self._heed_others, context)
        await trio.to_thread.run_sync(writer.begin, context.directory)
        return writer

    def _heed_others(self, context: SinkContext) -> None:
        """Another cluster may have written here before."""
        for path in parts_of_others(Path(self.directory), context):
            if self.if_exists == "error":
                raise ApplicationError(
                    f"sink directory {self.directory} holds parts of another cluster, such as "
                    f"{path.name}: choose another directory, or decide about the parts: "
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
    names: PartNames
    number: int
    body: PartBody
    part: Path | None = attrs.field(default=None, init=False)
    _file: int | None = attrs.field(default=None, init=False)
    _appeared: Appeared | None = attrs.field(default=None, init=False)

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`: the number of the next part."""
        return PartPlace(self.number, self.body.kept).state

    def begin(self, own_directory: str) -> None:
        """Remove every part of this instance from `number` on: they were never committed.

        *own_directory* is where what has appeared is noted; empty: nowhere.
        """
        try:
            for path in self.directory.iterdir():
                number = self.names.number_of(path.name)
                if number is not None and number >= self.number:
                    path.unlink(missing_ok=True)
            if own_directory:
                self._appeared = Appeared(Path(own_directory), self.number)
        except OSError as error:
            raise _cannot(error, self.directory) from error

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`. Raises CannotCreateError: the disk is full or not writable."""
        if self.body.add(records):
            await trio.to_thread.run_sync(self._write, self.body.take)

    def _write(self, made: Callable[[], bytes]) -> None:
        data = made()
        if not data:
            return
        try:
            if self._file is None:
                self.part = self.directory / self.names.hidden(self.number)
                self._file = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
                self.number += 1
            write_all(self._file, data)
        except OSError as error:
            raise _cannot(error, self.part or self.directory) from error

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`: the part is on disk, still under its hidden name."""
        return await trio.to_thread.run_sync(self._prepare)

    def _prepare(self) -> Any:
        self._write(self.body.finish)
        if self._file is None or self.part is None:
            return None
        try:
            os.fsync(self._file)
            file, self._file = self._file, None
            os.close(file)
            sync_directory(self.directory)
        except OSError as error:
            raise _cannot(error, self.part) from error
        prepared, self.part = self.part.name, None
        return prepared

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`: the part gets its name. Raises DamagedStateError: it is gone."""
        await trio.to_thread.run_sync(self._commit, prepared)

    def _commit(self, prepared: str) -> None:
        part, final = self.directory / prepared, self.directory / final_name(prepared)
        number = self.names.number_of(prepared) or 0
        try:
            if part.exists():
                if self._appeared is not None:
                    self._appeared.note(number)
                part.rename(final)
                sync_directory(self.directory)
            elif not final.exists() and (self._appeared is None or number not in self._appeared):
                raise DamagedStateError(
                    f"{part} is gone: its results are committed and must appear as {final.name}; "
                    "restore it under either name (an empty file, if its results are not needed), "
                    "and let only one cluster write into the directory"
                )
        except OSError as error:
            raise _cannot(error, final) from error

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        file, part, self._file, self.part = self._file, self.part, None, None
        with contextlib.suppress(OSError):  # what it held is void
            if part is not None:
                part.unlink(missing_ok=True)
            if file is not None:
                os.close(file)


def _cannot(error: OSError, path: Path) -> CannotCreateError:
    return CannotCreateError(f"{path}: {error.strerror or error}")
