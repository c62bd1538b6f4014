"""Records as the bytes of Parquet files, a row group at a time."""
# Theory of operation
# ===================
# Records become columns when they come, so that one that does not fit is found where it is made.
# The columns are gathered until they make a row group; to compress that takes long and is done by
# `take`, in a thread. A file ends with a checkpoint, whatever it has by then. The schema is that of
# the options, or follows from the first records; it is kept with the checkpoint, so that it is the
# same in all files of an instance.

from typing import Any

import attrs

from wallarood.connectors.columns import Columns
from wallarood.connectors.parquet.arrow import arrow, parquet
from wallarood.connectors.parquet.options import ParquetOptions
from wallarood.connectors.parquet.schema import schema_from, schema_of, text_of
from wallarood.connectors.text.fields import names_of
from wallarood.connectors.text.plainvalues import plain_of
from wallarood.model.errors import ApplicationError

GROUP_ROWS = 100_000
GROUP_BYTES = 16 << 20


class Drain:
    """A file to which pyarrow writes; what it has written is taken out."""

    closed = False

    def __init__(self) -> None:
        self._data, self._at = bytearray(), 0

    def write(self, data: Any) -> int:
        """Take in bytes."""
        view = memoryview(data).cast("B")
        self._data += view
        self._at += len(view)
        return len(view)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._at

    def flush(self) -> None:
        """What was written is there."""

    def close(self) -> None:
        """It stays as it is."""

    def take(self) -> bytes:
        """What was written since the last call."""
        data, self._data = bytes(self._data), bytearray()
        return data


@attrs.define(eq=False)
class ParquetBody:
    """See `PartBody`. `schema` is None until the first records have come."""

    owner: str
    sink: str
    options: ParquetOptions
    schema: Any
    _names: tuple[str, ...] | None = None
    _learned: bool = False
    _batches: list[Any] = attrs.field(factory=list, init=False)
    _rows: int = attrs.field(default=0, init=False)
    _bytes: int = attrs.field(default=0, init=False)
    _writer: Any = attrs.field(default=None, init=False)
    _drain: Drain = attrs.field(factory=Drain, init=False)

    @classmethod
    def of(
        cls, owner: str, sink: str, options: ParquetOptions, *, kept: str | None
    ) -> "ParquetBody":
        """With what was *kept* of an earlier life. Raises ApplicationError: pyarrow is missing."""
        named = f"{owner} (sink {sink!r})" if sink else owner
        arrow()
        schema = options.schema
        if options.record is not None:
            schema = schema_of(named, options.record)
        elif schema is None and kept is not None:
            schema = schema_from(kept)
        if schema is not None and not isinstance(schema, arrow().Schema):
            raise ApplicationError(f"{owner}: schema={schema!r:.100}: expected a pyarrow.Schema")
        return cls(named, sink, options, schema, learned=kept is not None)

    @property
    def kept(self) -> str | None:
        """See `PartBody.kept`: the schema, if the records have told it."""
        return text_of(self.schema) if self._learned else None

    def add(self, records: list[Any]) -> bool:
        """See `PartBody.add`."""
        if not records:
            return False
        batch = self._batch(records)
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        return self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES

    def take(self) -> bytes:
        """See `PartBody.take`: a row group."""
        if self._batches:
            if self._writer is None:
                compression = self.options.compression
                self._writer = parquet().ParquetWriter(
                    arrow().PythonFile(self._drain, mode="w"),
                    self.schema,
                    compression="NONE" if compression == "none" else compression,
                )
            table = arrow().Table.from_batches(self._batches, self.schema)
            self._batches, self._rows, self._bytes = [], 0, 0
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        return self._drain.take()

    def finish(self) -> bytes:
        """See `PartBody.finish`."""
        data = self.take()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            data += self._drain.take()
        self._drain = Drain()
        return data

    def _batch(self, records: list[Any]) -> Any:
        names = self._columns(records[0])
        self._check_fields(records, names)
        rows = Columns(self.owner, names).rows(records)
        columns = list(zip(*rows, strict=True))
        if self.schema is None:
            self.schema = self._inferred(names, columns)
            self._learned = True
        arrays = [
            self._array(field, values, records)
            for field, values in zip(self.schema, columns, strict=True)
        ]
        return arrow().RecordBatch.from_arrays(arrays, schema=self.schema)

    def _columns(self, first: Any) -> tuple[str, ...]:
        if self.options.record is not None and (names := names_of(self.options.record)):
            return names  # as the application calls them
        if self.schema is not None:
            return tuple(self.schema.names)
        if self.options.columns is not None:
            return tuple(self.options.columns)
        kind: Any = type(first)
        names = tuple(first) if isinstance(first, dict) else names_of(kind)
        if not names or not all(isinstance(each, str) for each in names):
            raise ApplicationError(
                f"{self.owner}: record {first!r:.100} has no names for columns: give columns=, or "
                "record= and records of that class"
            )
        return tuple(names)

    def _check_fields(self, records: list[Any], names: tuple[str, ...]) -> None:
        """A field that no column has would be lost without a word."""
        if self.options.columns is not None:
            return
        for record in records:
            if isinstance(record, dict) and not record.keys() <= set(names):
                other = next(each for each in record if each not in names)
                raise ApplicationError(
                    f"{self.owner}: record {record!r:.100} has {other!r}, which is no column: the "
                    f"columns are {', '.join(names)}"
                )

    def _inferred(self, names: tuple[str, ...], columns: list[tuple[Any, ...]]) -> Any:
        pa, fields = arrow(), []
        for name, values in zip(names, columns, strict=True):
            try:
                kind = pa.array([plain_of(value) for value in values]).type
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise self._error(name, values[0], error) from error
            if pa.types.is_null(kind):
                raise ApplicationError(
                    f"{self.owner}: column {name!r} has only None in the first records, so its "
                    "type is unknown: give record= or schema="
                )
            fields.append(pa.field(name, kind))
        return pa.schema(fields)

    def _array(self, field: Any, values: tuple[Any, ...], records: list[Any]) -> Any:
        pa = arrow()
        errors = (pa.ArrowException, TypeError, ValueError, OverflowError)
        if not field.nullable and None in values:
            wrong = records[values.index(None)]
            raise self._error(field.name, wrong, "it is None, which the column cannot have")
        try:
            return pa.array(_shaped(values, field.type), type=field.type)
        except errors:
            for value, record in zip(values, records, strict=True):
                try:
                    pa.array(_shaped([value], field.type), type=field.type)
                except errors as error:
                    said = f"it is to be {field.type}: {error}"
                    raise self._error(field.name, record, said) from error
            raise

    def _error(self, name: str, record: Any, error: object) -> ApplicationError:
        return ApplicationError(
            f"{self.owner}: column {name!r}: {error}\n  record: {record!r:.200}"
        )


def _shaped(values: Any, kind: Any) -> Any:
    """*values* as pyarrow takes them for a column of a type: objects as dicts, maps as pairs."""
    types = arrow().types
    if types.is_map(kind):
        plain = [plain_of(value) for value in values]
        return [None if each is None else list(each.items()) for each in plain]
    return [plain_of(value) for value in values] if types.is_nested(kind) else values
