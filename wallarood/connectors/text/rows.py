"""Records as rows of fields: tab-separated, or CSV."""
# Theory of operation
# ===================
# Records become sequences of fields first, for a whole list at once where all are of one kind. The
# columns of records that have names are those of the first one, and stay: a field that a dict lacks
# is empty, one that is not among the columns is an error and never lost. Then rows become text:
# CSV by Python's writer; tabs by one format over all fields, whose result is looked at as a whole.
# Only if it has an extra tab, line break or backslash is it made field by field.

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import attrs

from wallarood.connectors.text.fields import has_text, names_of, values_of
from wallarood.connectors.text.plain import PlainEncoder, encoded
from wallarood.model.errors import ApplicationError

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_PLAIN: Final = frozenset({str, int, float, bool})
_SUSPICIOUS: Final = ("\\", "\r", "None", " object at 0x")
"""What is in a text where a field is escaped, is nothing, or has no text of its own."""
_TEXTS: Final = frozenset({str, bytes})

Row = Sequence[Any]


@attrs.define(eq=False)
class RowEncoder:
    """Writes CSV where there is a *delimiter*, else fields between tabs.

    `columns` are the names of the columns, None as long as no record had names.
    """

    sink: str
    header: bool | Sequence[str] | None
    delimiter: str | None
    columns: tuple[str, ...] | None = attrs.field(default=None, init=False)
    _is_chosen: bool = attrs.field(default=False, init=False)
    """Whether the columns were given, rather than learnt from a record."""
    _plain: PlainEncoder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._plain = PlainEncoder(self.sink)
        if self.header is not None and not isinstance(self.header, bool):
            self.columns, self._is_chosen = tuple(self.header), True

    def head(self) -> bytes:
        """See `LineEncoder.head`: the names of the columns."""
        if self.header is False or self.columns is None:
            return b""
        if self.delimiter is None:
            return encoded(_tabbed([self.columns]))
        return encoded(_separated([self.columns], self.delimiter))

    def __call__(self, records: list[Any], /) -> bytes:
        """See `LineEncoder.__call__`."""
        kinds = set(map(type, records))
        if self.delimiter is None and not self.header and not kinds.isdisjoint(_TEXTS):
            if kinds <= _TEXTS:  # lines that the user made
                return self._plain(records)
            return b"".join([self([record]) for record in records])
        rows = self._rows_of_one_kind(records, kinds) if len(kinds) == 1 else None
        if rows is None:
            rows = [self._row(record) for record in records]
        try:
            return encoded(self._text(records, rows))
        except ApplicationError:
            raise
        except Exception as error:
            raise self._raised(records, rows, error) from error

    def _raised(
        self, records: list[Any], rows: Sequence[Row], error: Exception
    ) -> ApplicationError:
        """Find the record with the field whose text raises *error*."""
        for record, row in zip(records, rows, strict=True):
            try:
                [str(field) for field in row]
            except Exception as own:
                return self._error(
                    record, f"has a field of which str() raises {type(own).__name__}: {own}"
                )
        return self._error(records[0], f"or one after it raises {type(error).__name__}: {error}")

    def _text(self, records: list[Any], rows: Sequence[Row]) -> str:
        if self.delimiter is None and (text := _tabbed_at_once(rows)):
            return text
        kinds = set(map(type, chain.from_iterable(rows)))
        if not kinds <= _PLAIN and not all(map(has_text, kinds)):
            raise self._textless(records, rows)
        return _tabbed(rows) if self.delimiter is None else _separated(rows, self.delimiter)

    def _rows_of_one_kind(self, records: list[Any], kinds: set[Any]) -> Sequence[Row] | None:
        """The rows of *records* without looking at each; None if that cannot be."""
        kind = next(iter(kinds))
        if kind is tuple or kind is list:
            return None if self.header else records
        names = tuple(records[0]) if kind is dict else names_of(kind)
        if not names:
            return None
        columns = self._learn(names)
        if kind is not dict:
            if names != columns:
                return None
            rows = list(map(values_of(columns), records))
            return rows if len(rows) == len(records) else None  # a field raised StopIteration
        if set(map(len, records)) != {len(columns)} or len(columns) < 2:
            return None
        try:
            return list(map(itemgetter(*columns), records))
        except KeyError:
            return None

    def _learn(self, names: Iterable[Any]) -> tuple[Any, ...]:
        if self.columns is None:
            self.columns = tuple(names) or None
        return self.columns or ()

    def _row(self, record: Any) -> Row:
        kind: Any = type(record)
        if isinstance(record, dict):
            columns = self._learn(record)
            if not self._is_chosen and not record.keys() <= set(columns):
                raise self._unknown(record, next(key for key in record if key not in columns))
            return list(map(record.get, columns))
        names = names_of(kind)
        if names is not None:
            columns = self._learn(names)
            unknown = set(columns) - set(names) if self._is_chosen else set(names) - set(columns)
            if unknown:
                raise self._unknown(record, min(unknown))
            return [getattr(record, name) if name in names else None for name in columns]
        row = record if isinstance(record, tuple | list) else (record,)
        if self.header is True:
            raise self._error(
                record, "has no names of fields for a header; give them: header=[...]"
            )
        if self._is_chosen and self.columns is not None and len(row) != len(self.columns):
            raise self._error(record, f"has {len(row)} fields, the header {len(self.columns)}")
        return row

    def _unknown(self, record: Any, name: Any) -> ApplicationError:
        if self._is_chosen:
            return self._error(record, f"has no field {name!r}, which the header names")
        columns = ", ".join(map(str, self.columns or ()))
        return self._error(
            record,
            f"has a field {name!r}, but the columns are those of the first record: {columns}; "
            "name all that there may be: header=[...]",
        )

    def _error(self, record: Any, what: str) -> ApplicationError:
        form = "TSV" if self.delimiter is None else "CSV"
        return ApplicationError(
            f"sink {self.sink!r} cannot write a record as {form}: it {what}\n"
            f"  record: {record!r:.200}"
        )

    def _textless(self, records: list[Any], rows: Sequence[Row]) -> ApplicationError:
        """What has no text would be written as its place in memory."""
        record, field = next(
            (record, field)
            for record, row in zip(records, rows, strict=True)
            for field in row
            if _is_textless(field)
        )
        return self._error(
            record,
            f"holds an object of class {type(field).__qualname__}, which has neither fields that "
            "are known nor a text (__str__)",
        )


def _separated(rows: Sequence[Row], delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _is_textless(field: Any) -> bool:
    kind: Any = type(field)
    return not has_text(kind)


def _tabbed_at_once(rows: Sequence[Row]) -> str:
    """The text of *rows*; empty if any field is not written as its `str` is, or may not be."""
    widths = set(map(len, rows))
    tabs = widths.pop() - 1
    if widths or tabs < 0:
        return ""
    text = ("%s\t" * tabs + "%s\n") * len(rows) % tuple(chain.from_iterable(rows))
    is_whole = text.count("\t") == tabs * len(rows) and text.count("\n") == len(rows)
    return text if is_whole and not any(part in text for part in _SUSPICIOUS) else ""


def _tabbed(rows: Sequence[Row]) -> str:
    return "".join(["\t".join([_field(field) for field in row]) + "\n" for row in rows])


def _field(value: Any) -> str:
    return "" if value is None else str(value).translate(_ESCAPES)
