"""A source that reads files: text, bytes, JSON lines or CSV, plain or compressed; or Parquet.

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
import typing_extensions

from wallarood.app.connector import Located, Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.file.files import Files
from wallarood.connectors.file.listing import is_stream, path_of, split_bytes_of
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.parquet.arrow import check_arrow
from wallarood.connectors.parse.options import (
    FILES,
    Format,
    FormatOptions,
    ReadCsv,
    ReadJson,
    ReadLocated,
    ReadParquet,
    ReadText,
    format_of,
)
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

StrPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

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
    ``ragged="fill"``, which fills short rows with empty fields. "parquet" (``pip install
    'wallarood[parquet]'``) gives a dict for each row, of all its columns or of `columns`, or a
    `record`. `on_error` is what becomes of what cannot be read: "stop" (default), "skip", or
    `dead_letter(sink)`.

    ``follow=True`` waits for more at the end of a file, and for files that come later; rotated
    files are read to their ends, and one worker reads them all; of Parquet, only files that come
    later are waited for. ``split="64MiB"`` lets several
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
        self: "FileSource[T]",
        *paths: StrPath,
        format: Literal["parquet"],
        record: type[T],
        **options: Unpack[ReadParquet],
    ) -> None: ...
    @overload
    def __init__(
        self: "FileSource[Any]",
        *paths: StrPath,
        format: Literal["parquet"],
        record: Any = ...,
        **options: Unpack[ReadParquet],
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
        form = attrs.evolve(format_of("FileSource", options, known=FILES), located=located)
        if located and form.format == "parquet":
            raise ApplicationError('FileSource: located=True is for text, found format="parquet"')
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
    def _files(self) -> Files:
        stops = policy_of(self.on_error) is ErrorPolicy.STOP
        return Files(self.paths, self.form, self.follow, self.repeat, stops, self.split_bytes)

    makes_plain = property(lambda self: self.form.makes_plain)
    """See `Format.makes_plain`."""

    verify = staticmethod(check_journals)

    def check(self) -> None:
        """Raises ApplicationError: a library is missing that the format needs."""
        if self.form.format == "parquet":
            check_arrow()

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`. Raises ApplicationError: a path leads to no file."""
        return self._files.partitions()

    def stays(self, partition: str) -> bool:
        """See `Source`: of a pipe there is a journal."""
        return is_stream(path_of(partition))

    def size_bytes(self, partition: str) -> int | None:
        """See `Source.size_bytes`; None for a packed or followed file, and for a pipe."""
        return self._files.size_bytes(partition)

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`."""
        return await self._files.open(partition, position, context)

    def resumable(self, ended: Mapping[str, Any], context: SourceContext) -> set[str]:
        """The partitions that were read to their end at these positions and have more now."""
        return self._files.resumable(ended, context)
