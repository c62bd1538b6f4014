"""Reading one Parquet file from a row to its end.

A position is ``{"pass": number, "row": rows before the next, "bytes": about so many of the file,
"size": its size, "seen": [size, checksum] of its end, "ino": …}``, and ``"end"``, the size, when
all rows were read. The end of a Parquet file says where everything else is, so another file of the
same name is found out by it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import structlog
import trio
from xxhash import xxh3_64_hexdigest

from wallarood.app.connector import SourceBatch, SourceLimits
from wallarood.connectors.objects.raw import Raw, RawFile, open_raw
from wallarood.connectors.parquet.arrow import arrow, parquet
from wallarood.connectors.parquet.rows import Rows
from wallarood.model.errors import ApplicationError, CannotCreateError, WallaroodError

SEEN_BYTES = 1024

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class ParquetReader:
    """Reads the file *path*, *repeat* times; *opened* opens it. As `FileReader`."""

    path: str
    rows: Rows
    limits: SourceLimits
    repeat: int = 1
    opened: Callable[[str], Raw] = open_raw
    ended: bool = attrs.field(default=False, init=False)
    """Whether the last batch had the last row."""
    done: bool = attrs.field(default=False, init=False)
    position: Any = attrs.field(default=None, init=False)
    _raw: Raw | None = attrs.field(default=None, init=False)
    _file: Any = attrs.field(default=None, init=False)
    _batches: Iterator[Any] = attrs.field(factory=lambda: iter(()), init=False)
    _number: int = attrs.field(default=0, init=False)
    _row: int = attrs.field(default=0, init=False)
    _known: dict[str, Any] = attrs.field(factory=dict, init=False)

    def begin(self, position: Any) -> None:
        """Open the file at *position*. Blocks.

        Raises ApplicationError: it is damaged, has other columns, or is another file than the one
        that was read, and had not been read to its end. Raises CannotCreateError: it cannot be
        opened here.
        """
        self.position = position
        place = position or {"pass": 0, "row": 0}
        try:
            self._begin(place)
        except OSError as error:
            self.close()
            if place.get("end") is not None and isinstance(error, FileNotFoundError):
                log.info("input file is gone; it had been read to its end", file=self.path)
                self.done = True
                return
            raise CannotCreateError(
                f"input file {self.path}: {error.strerror or error}; this worker is to read it: "
                "make it readable here at this path, and start this worker again; the other "
                "workers wait"
            ) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, place: dict[str, Any]) -> None:
        self._raw = raw = self.opened(self.path)
        size = raw.size()
        if place.get("seen") and not self._is_same(raw, place, size):
            self.close()
            if place.get("end") is not None:
                log.warning("input file was replaced after it was read to its end", file=self.path)
                self.done = True
                return
            raise ApplicationError(
                f"input file {self.path} is not the one of which {place['row']:,} rows were read "
                "before: it was replaced. Restore the previous file under this name, or form a "
                "new cluster to read this one"
            )
        tail = raw.read_at(min(SEEN_BYTES, size), max(0, size - SEEN_BYTES))
        self._known = {"size": size, "seen": [len(tail), xxh3_64_hexdigest(tail)], "ino": raw.inode}
        self._number, self._row = place["pass"], place["row"]
        with _named(self.path, "is no whole Parquet file"):
            self._file = parquet().ParquetFile(arrow().PythonFile(RawFile(raw, size), mode="r"))
        self._batches = self._from(self._row)

    def _is_same(self, raw: Raw, place: dict[str, Any], size: int) -> bool:
        if size != place["size"]:
            return False
        length, checksum = place["seen"]
        return bool(xxh3_64_hexdigest(raw.read_at(length, size - length)) == checksum)

    def _from(self, row: int) -> Iterator[Any]:
        """The batches from a row on: the row groups before it are not read."""
        file, most = self._file, self.limits.batch_records_max
        columns = self.rows.wanted(self.path, list(file.schema_arrow.names))
        metadata, first = file.metadata, 0
        groups = list(range(metadata.num_row_groups))
        while groups and first + metadata.row_group(groups[0]).num_rows <= row:
            first += metadata.row_group(groups.pop(0)).num_rows
        if not groups:
            return
        for batch in file.iter_batches(batch_size=most, row_groups=groups, columns=columns):
            skipped = min(batch.num_rows, max(0, row - first))
            first += batch.num_rows
            if skipped < batch.num_rows:
                yield from self._bounded(batch.slice(skipped))

    def _bounded(self, batch: Any) -> Iterator[Any]:
        """*batch* in parts of as many bytes as one may have."""
        parts = -(-batch.nbytes // self.limits.batch_bytes_max)
        rows = max(1, batch.num_rows // max(1, parts))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)

    async def read(self) -> SourceBatch | None:
        """See `SourceReader.read`. Raises ApplicationError: it is damaged, or a row is."""
        if self.done:
            await trio.lowlevel.checkpoint()
            return None
        while True:
            batch = await trio.to_thread.run_sync(self._next)
            if batch is not None:
                return self._read(batch)
            self.ended = self._number + 1 >= self.repeat
            if self.ended or self.position is None:
                return None
            self.close()
            again = {"pass": self._number + 1, "row": 0}
            await trio.to_thread.run_sync(self.begin, again)

    def _next(self) -> Any:
        with _named(self.path, f"is damaged after row {self._row:,}"):
            return next(self._batches, None)

    def _read(self, batch: Any) -> SourceBatch:
        records, faults = self.rows.records(batch, self.path, self._row)
        self._row += batch.num_rows
        rows, size = self._file.metadata.num_rows, self._known["size"]
        place = {
            "pass": self._number,
            "row": self._row,
            "bytes": size * self._row // rows,
            **self._known,
        }
        if self._row == rows:
            place["end"] = size
        self.ended = self._row == rows and self._number + 1 >= self.repeat
        self.position = place
        return SourceBatch(records, place, faults)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: the file stays as it is."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._batches, self._file = iter(()), None
        if self._raw is not None:
            raw, self._raw = self._raw, None
            raw.close()


@attrs.frozen
class _named:  # noqa: N801
    """What pyarrow raises in the `with` statement is an ApplicationError about *path*."""

    path: str
    what: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if error is None or isinstance(error, WallaroodError) or not isinstance(error, Exception):
            return
        if isinstance(error, OSError) and error.errno is not None:
            return  # the disk
        raise ApplicationError(f"input file {self.path} {self.what}: {error}") from error
