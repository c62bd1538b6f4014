"""The rows of a batch of columns as records: dicts, or objects of a class."""

from typing import Any

import attrs
import msgspec

from wallarood.app.connector import Unreadable
from wallarood.connectors.parquet.arrow import arrow
from wallarood.connectors.parquet.schema import Fields, check_there, fields_of
from wallarood.connectors.parse.options import Format
from wallarood.model.errors import ApplicationError

FAULTS = (msgspec.ValidationError, ValueError, TypeError)


@attrs.frozen
class Rows:
    """How rows become records of `form`; with `stops` one that does not fit is an error."""

    form: Format
    fields: Fields | None
    stops: bool

    @classmethod
    def of(cls, form: Format, *, stops: object) -> "Rows":
        """For a checked format."""
        return cls(form, fields_of("", form.record), bool(stops))

    def wanted(self, path: str, found: list[str]) -> list[str]:
        """The columns to read of a file that has the columns *found*.

        Raises ApplicationError: one is missing.
        """
        if self.form.columns is not None:
            check_there(path, self.form.columns, found)
            return list(self.form.columns)
        if self.fields is None:
            return found
        check_there(
            path, [each for each in self.fields.names if each in self.fields.required], found
        )
        return [each for each in self.fields.names if each in found]

    def records(
        self, batch: Any, path: str, first: int
    ) -> tuple[list[Any], tuple[Unreadable, ...]]:
        """The records of a ``RecordBatch`` whose first row is number *first* of the file *path*.

        Raises ApplicationError: a row does not fit, and that stops.
        """
        names = batch.schema.names
        if not any(_is_special(column.type) for column in batch.columns) and not self._is_tuple:
            return self._converted(batch.to_pylist(), path, first)
        columns = [_values(column) for column in batch.columns]
        rows = list(zip(*columns, strict=True)) if columns else [()] * batch.num_rows
        if self.fields is None:
            return [dict(zip(names, row, strict=True)) for row in rows], ()
        given: list[Any] = rows
        if not self.fields.is_tuple or len(names) < len(self.fields.names):
            given = [dict(zip(names, row, strict=True)) for row in rows]
        if self.fields.is_tuple and given is not rows:
            made = [self.form.record(**each) for each in given]
            given = [tuple(each) for each in made]
        return self._converted(given, path, first)

    @property
    def _is_tuple(self) -> bool:
        return self.fields is not None and self.fields.is_tuple

    def _converted(
        self, given: list[Any], path: str, first: int
    ) -> tuple[list[Any], tuple[Unreadable, ...]]:
        if self.fields is None:
            return given, ()
        try:
            return msgspec.convert(given, list.__class_getitem__(self.form.record)), ()
        except FAULTS:
            return self._each(given, path, first)

    def _each(
        self, given: list[Any], path: str, first: int
    ) -> tuple[list[Any], tuple[Unreadable, ...]]:
        records, faults = [], []
        for number, each in enumerate(given, first):
            try:
                records.append(msgspec.convert(each, self.form.record))
            except FAULTS as error:
                said = (
                    f"it does not fit {getattr(self.form.record, '__name__', 'record=')}: {error}"
                )
                if self.stops:
                    raise ApplicationError(
                        f"input file {path}: row {number + 1:,}: {said}\n  row: {each!r:.200}\n"
                        "Correct record=, or say on_error="
                    ) from None
                faults.append(Unreadable(said, repr(each).encode(), path, number + 1))
        return records, tuple(faults)


def _is_special(kind: Any) -> bool:
    """Whether values of a column are not what `_values` makes of them without its help."""
    types = arrow().types
    is_fine = types.is_temporal(kind) and getattr(kind, "unit", "") == "ns"
    return bool(is_fine or types.is_map(kind) or types.is_nested(kind))


def _values(column: Any) -> list[Any]:
    """The values of a column as Python has them: times in microseconds, maps as dicts."""
    pa = arrow()
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pa.time64("us"), safe=False)
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(kind):
        return [None if value is None else dict(value) for value in values]
    return values
