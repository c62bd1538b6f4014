"""A source that reads files: text, bytes, JSON lines or CSV, plain or compressed.

Theory of operation
===================
Every file that is there when the cluster forms is a partition, and so is every split of a large
one. One partition more stands for the files of directories and patterns that come later: they are
found when a worker starts. Files that are followed change their names and come and go while they
are read, so one partition has them all: only who sees all of them can tell a new file from one that
was renamed. A position is the number of (unpacked) bytes before the next record, so it is always a
record's end; with it goes a checksum of what stands right before it, by which another file of the
same name is found out.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar, Unpack, overload

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Located, Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.file.following.reader import FollowReader
from wallarood.connectors.file.later import LATER, LaterReader, has_grown, later_files
from wallarood.connectors.file.listing import (
    Split,
    files_in,
    has_pattern,
    is_packed,
    is_stream,
    name_of,
    path_of,
    split_bytes_of,
    split_of,
    splits,
)
from wallarood.connectors.file.reader import FileReader
from wallarood.connectors.file.stream import StreamInput, open_stream
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.parse.options import (
    Format,
    FormatOptions,
    ReadCsv,
    ReadJson,
    ReadLocated,
    ReadText,
    format_of,
)
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

StrPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

FOLLOWED = "followed files"
"""The partition of a source that follows several files, or those of a directory or pattern."""

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


@attrs.frozen(init=False)
class FileSource(Generic[T_co]):
    """The records of one file or many; each file is read independently, in order.

    A path may be a file, a directory (all its files that do not begin with a dot) or a pattern with
    ``*``. With ``scope="local"`` each worker reads its own files, else (``"shared"``) all workers
    see the same paths and share them. Compressed files (gzip, bzip2, xz, Zstandard) are known by
    their content. `repeat` reads every file so many times. A pipe is read once, as `StdinSource`
    reads one.

    `format` is "lines" (text without its line end), "bytes" (the same, not decoded), "json" (a
    value a line, of type `record` if given) or "csv" (RFC 4180: a dict for each row by the names in
    the first, or a `record`, into the types of which fields are turned). `encoding` and `errors`
    are those of ``open``. ``nan=True`` lets JSON have NaN and Infinity. CSV takes `delimiter`,
    `quotechar` (None: no quotes), `header` (True, a list of names, or False: rows are tuples) and
    ``ragged="fill"``, which fills short rows with empty fields. `on_error` is what becomes of what
    cannot be read: "stop" (default), "skip", or `dead_letter(sink)`.

    ``follow=True`` waits for more at the end of a file, and for files that come later; rotated
    files are read to their ends, and one worker reads them all. ``split="64MiB"`` lets several
    workers read parts of one large file that is not compressed; order is kept within a part.
    ``located=True`` makes every record a `Located`, which says where in which file it was read.

    Guarantee: exactly once, for files that are only ever appended to, or rotated.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.FileSource("logs/*.txt", "book.txt.gz"))
    >>> rows = w.source("rows", w.FileSource("rows.csv", format="csv", on_error="skip"))
    """

    paths: tuple[str, ...]
    form: Format
    scope: Scope
    follow: bool
    repeat: int
    on_error: OnError
    split_bytes: int | None

    @overload
    def __init__(
        self: "FileSource[str]",
        *paths: StrPath,
        format: Literal["lines"] = "lines",
        **options: Unpack[ReadText],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[bytes]",
        *paths: StrPath,
        format: Literal["bytes"],
        **options: Unpack[ReadText],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[T]",
        *paths: StrPath,
        format: Literal["json"],
        record: type[T],
        **options: Unpack[ReadJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[T]",
        *paths: StrPath,
        format: Literal["csv"],
        record: type[T],
        **options: Unpack[ReadCsv],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[Any]",
        *paths: StrPath,
        format: Literal["json"],
        record: Any = ...,
        **options: Unpack[ReadJson],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[Any]",
        *paths: StrPath,
        format: Literal["csv"],
        record: Any = ...,
        **options: Unpack[ReadCsv],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[Located[Any]]",
        *paths: StrPath,
        located: Literal[True],
        **options: Unpack[ReadLocated],
    ) -> None: ...
    def __init__(
        self,
        *paths: StrPath,
        scope: Literal["shared", "local"] = "shared",
        follow: bool = False,
        repeat: int = 1,
        on_error: OnError = "stop",
        split: str | None = None,
        located: bool = False,
        **options: Unpack[FormatOptions],
    ) -> None:
        if not paths:
            raise ApplicationError("FileSource: expected at least one path")
        if scope not in ("shared", "local"):
            raise ApplicationError(f"FileSource: scope={scope!r}: expected 'shared' or 'local'")
        if repeat < 1 or (follow and repeat > 1):
            raise ApplicationError(
                f"FileSource: repeat={repeat}: expected 1 or more, 1 if followed"
            )
        policy_of(on_error)
        if not isinstance(located, bool):
            raise ApplicationError(f"FileSource: located={located!r:.100}: expected True or False")
        form = attrs.evolve(format_of("FileSource", options), located=located)
        self.__attrs_init__(
            tuple(os.fsdecode(path) for path in paths),
            form,
            Scope(scope),
            follow,
            repeat,
            on_error,
            split_bytes_of(split, form, follow=follow),
        )

    @property
    def record(self) -> Any:
        """The type of the records."""
        located: Any = Located
        return located[self.form.record] if self.form.located else self.form.record

    @property
    def bounded(self) -> bool:
        """Whether the files are only read to their end."""
        return not self.follow

    @property
    def _stops(self) -> bool:
        return policy_of(self.on_error) is ErrorPolicy.STOP

    makes_plain = property(lambda self: self.form.makes_plain)
    """See `Format.makes_plain`."""

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`. Raises ApplicationError: a path leads to no file."""
        pipes = [name_of(path) for path in self.paths if is_stream(path)]
        if pipes and self.form.located:
            raise ApplicationError(
                f"input {pipes[0]}: located=True is for files, and this is a pipe: leave it out, "
                "or read a file"
            )
        paths = tuple(path for path in self.paths if not is_stream(path))
        if self.follow:
            return (*pipes, *((self._followed,) if paths else ()))
        found: list[str] = []
        for path, status in files_in(paths):
            found += self._parts(path, status.st_size)
        later = (LATER,) if any(map(has_pattern, paths)) else ()
        return (*pipes, *found, *later)

    def _parts(self, path: str, size: int) -> list[str]:
        if self.split_bytes is None:
            return [name_of(path)]
        try:
            packed = is_packed(path)
        except OSError as error:
            raise ApplicationError(f"input file {path}: {error.strerror}") from error
        return splits(path, 0 if packed else size, self.split_bytes)

    @property
    def _followed(self) -> str:
        if len(self.paths) == 1 and not has_pattern(self.paths[0]):
            return name_of(self.paths[0])
        return FOLLOWED

    def _split(self, partition: str) -> Split:
        if self.split_bytes is None:
            return Split(path_of(partition), 0, None)
        return split_of(partition)

    def size_bytes(self, partition: str) -> int | None:
        """See `Source.size_bytes`; None for a packed or followed file, and for a pipe."""
        if self.follow or partition == LATER:
            return None
        split = self._split(partition)
        try:
            if is_stream(split.path) or is_packed(split.path):
                return None
            end = os.stat(split.path).st_size if split.end is None else split.end
        except OSError:
            return None
        return max(0, end - split.start) * self.repeat

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`."""
        limits, stops = context.limits, self._stops
        if is_stream(path_of(partition)) or (position and "entry" in position):
            return await open_stream(self._stream(partition), position, context)
        if self.follow:
            paths = self.paths if partition == self._followed else (path_of(partition),)
            paths = tuple(path for path in paths if not is_stream(path))
            return FollowReader(paths, self.form, limits, stops, position)
        if partition == LATER:
            places = dict((position or {}).get("files", {}))
            files = await trio.to_thread.run_sync(self._later, places, context)
            return LaterReader(files, places, self.form, limits, stops)
        reader = FileReader(self._split(partition), self.form, limits, stops, self.repeat)
        await trio.to_thread.run_sync(reader.begin, position)
        return reader

    def _stream(self, partition: str) -> StreamInput:
        path = path_of(partition)
        return StreamInput(path, self.form, self._stops, keeps_open=self.follow)

    def _later(self, places: Mapping[str, Any], context: SourceContext) -> list[tuple[str, Any]]:
        known = frozenset(self._split(each).path for each in context.partitions if each != LATER)
        others = [place for name, place in context.positions.items() if name != LATER]
        return later_files(self.paths, known, places, others=others)

    def resumable(self, ended: Mapping[str, Any], context: SourceContext) -> set[str]:
        """The partitions that were read to their end at these positions and have more now."""
        if self.repeat > 1:
            return set()
        more = set()
        for partition, position in ended.items():
            if partition == LATER:
                if self._later((position or {}).get("files", {}), context):
                    more.add(partition)
                continue
            split = self._split(partition)
            if split.end is not None or is_stream(split.path):
                continue
            if (position is None or "bytes" in position) and has_grown(split.path, position):
                more.add(partition)
        return more
