"""CSV as RFC 4180 describes it: a record may have many lines, and the first may name the columns.

Theory of operation
===================
The reader of the standard library goes over all lines of a piece at once. If it comes to the end
without an error, the piece was whole records, whatever line ends stand between quotes. If not, it
goes over them again, record by record, and counts lines: a record that it does not like is a fault,
and a quote that is still open at the end means that the record continues in the next piece.
"""

import contextlib
import csv
import io
import types
import typing
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import attrs
import msgspec
import structlog

from wallarood.connectors.parse.lines import LINE_ERRORS, Ahead, Fault, Parsed, lines_of
from wallarood.connectors.parse.options import Format, check_names
from wallarood.model.errors import ApplicationError

log = structlog.get_logger(__name__)

Row = list[str]

_OPEN_QUOTE = "unexpected end of data"


def table_parser(form: Format, where: str) -> "TableParser":
    """The parser of a CSV input called *where*."""
    names = None if form.names is None else list(form.names)
    return TableParser(form, where, names)


@attrs.define(eq=False)
class TableParser:
    """The rows of one input, in order. `names` are None until the first row has told them.

    Raises ApplicationError: the first row cannot be the names of the columns.
    """

    form: Format
    where: str
    names: list[str] | None
    _make: Callable[[list[Row]], list[Any]] | None = attrs.field(default=None, init=False)
    _hinted: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), 1 << 30))
        if self.ready:
            self._make = maker(self.form.record, self.names)

    @property
    def ready(self) -> bool:
        """See `Parser.ready`."""
        return self.names is not None or not self.form.has_header

    def parse(self, piece: bytes, lines: int, ahead: Ahead) -> Parsed:
        """See `Parser.parse`."""
        try:
            rows = list(self._reader(self._lines(piece)))
        except (ValueError, csv.Error):
            return self._each(piece, ahead)
        before = self.names, self._make
        if not self.ready:
            rows = self._take_names(rows)
        with contextlib.suppress(*LINE_ERRORS):
            records = self._records(rows)
            if not self.form.located or len(records) == lines:
                return Parsed(records, len(piece))
        self.names, self._make = before
        return self._each(piece, ahead)

    def _lines(self, piece: bytes) -> Iterable[str]:
        encoding = "utf-8" if self.form.wide else self.form.encoding
        text = piece.decode(encoding, self.form.errors)
        if self.form.quotechar is not None and self.form.quotechar in text:
            return io.StringIO(text, newline="\n")
        return text.removesuffix("\n").split("\n")  # faster; no field has a line end

    def _reader(self, lines: Iterable[str]) -> Any:
        return csv.reader(
            lines,
            delimiter=self.form.delimiter,
            quotechar=self.form.quotechar,
            quoting=csv.QUOTE_MINIMAL if self.form.quotechar else csv.QUOTE_NONE,
            strict=True,
        )

    def _take_names(self, rows: list[Row]) -> list[Row]:
        """Take the names off the first row that is not empty; the rows that follow it."""
        for number, row in enumerate(rows):
            if row:
                self._set_names(row)
                return rows[number + 1 :]
        return []

    def _set_names(self, row: Row) -> None:
        check_names(f"input file {self.where}", row)
        self.use_names(row)

    def use_names(self, row: Row) -> None:
        """The columns are called so. Raises ApplicationError: `record` has a field that is none."""
        if any("\0" in name for name in row):
            raise ApplicationError(
                f"input file {self.where}: the first row has NUL characters: a file in UTF-16 "
                'is read with encoding="utf-16-le", or "utf-16" if it begins with a mark'
            )
        try:
            self._make = maker(self.form.record, row)
        except ValueError as error:
            raise ApplicationError(f"input file {self.where}: {error}") from None
        self.names = row
        hint = _other_delimiter(self.form, row)
        if hint and not self._hinted:
            self._hinted = True
            log.warning(f"there is one column only{hint}", file=self.where, name=row[0])

    def _records(self, rows: list[Row]) -> list[Any]:
        """Raises ValueError: a row has too few or too many fields, or one of another type."""
        if self._make is None or not rows:
            return []
        lengths = set(map(len, rows))
        if 0 in lengths:  # of an empty line
            rows = [row for row in rows if row]
            lengths.discard(0)
        if self.names is not None and not lengths <= {len(self.names)}:
            rows = [self._filled(row, self.names) for row in rows]
        return self._make(rows)

    def _filled(self, row: Row, names: list[str]) -> Row:
        if len(row) == len(names):
            return row
        if self.form.ragged == "fill" and not any(row[len(names) :]):
            return row[: len(names)] + [""] * (len(names) - len(row))
        hint = _other_delimiter(self.form, names)
        raise ValueError(
            f"{len(row)} fields, expected {len(names)}: {', '.join(names)[:200]}{hint}"
        )

    def _each(self, piece: bytes, ahead: Ahead) -> Parsed:
        """Record by record, with the lines that each one takes."""
        lines = lines_of(piece)
        records: list[Any] = []
        faults: list[Fault] = []
        starts: list[tuple[int, int]] = []
        line = byte = 0
        while line < len(lines):
            count, error, made = self._next(islice(lines, line, None))
            if error == _OPEN_QUOTE:
                if ahead is Ahead.MORE:
                    return Parsed(records, byte, tuple(faults), starts)
                count, error = 1, "a quote is not closed before the end of the file"
            raw = b"\n".join(lines[line : line + count])
            if error:
                faults.append(Fault(line, count, raw, byte, error))
            records += made
            if made and self.form.located:
                starts.append((line, byte))
            line += count
            byte += len(raw) + 1
        return Parsed(records, len(piece), tuple(faults), starts)

    def _next(self, lines: Iterable[bytes]) -> tuple[int, str, list[Any]]:
        """The next record: how many lines it takes, what is wrong with it, what it is."""
        encoding = "utf-8" if self.form.wide else self.form.encoding
        errors = self.form.errors
        texts = (line.decode(encoding, errors) + "\n" for line in lines)
        reader = self._reader(texts)
        try:
            row = next(reader)
        except csv.Error as error:
            return max(1, reader.line_num), str(error), []
        except StopIteration:
            return 1, "", []
        except ValueError as error:  # the text cannot be decoded
            return reader.line_num + 1, str(error), []
        if row and not self.ready:
            self._set_names(row)
            return reader.line_num, "", []
        try:
            return reader.line_num, "", self._records([row])
        except LINE_ERRORS as error:
            return reader.line_num, str(error), []


def _other_delimiter(form: Format, names: list[str]) -> str:
    """A hint that the columns are delimited by something else."""
    found = [each for each in ";\t|," if each in names[0] and each != form.delimiter]
    return f"; did you mean delimiter={found[0]!r}?" if len(names) == 1 and found else ""


def maker(record: Any, names: list[str] | None) -> Callable[[list[Row]], list[Any]]:
    """The function from rows to records of type *record*."""
    if names is None:
        return _of_rows(record)
    if record == dict[str, str]:
        # Each row has as many fields as there are names: that was looked at for all of them.
        return lambda rows: [dict(zip(names, row, strict=False)) for row in rows]
    if getattr(record, "_fields", None) is not None:  # a NamedTuple
        return _of_named(record, names)
    if typing.get_origin(record) is tuple or record is tuple:
        return _of_rows(record)
    nullable = [name for name in _nullable(record) if name in names]

    def make(rows: list[Row]) -> list[Any]:
        made: list[dict[str, Any]] = [dict(zip(names, row, strict=False)) for row in rows]
        for name in nullable:
            for fields in made:
                if fields[name] == "":
                    fields[name] = None
        records: list[Any] = msgspec.convert(made, list[record], strict=False)
        return records

    return make


def _of_rows(record: Any) -> Callable[[list[Row]], list[Any]]:
    if record == tuple[str, ...]:
        return lambda rows: list(map(tuple, rows))
    return lambda rows: msgspec.convert(rows, list[record], strict=False)


def _of_named(record: Any, names: list[str]) -> Callable[[list[Row]], list[Any]]:
    missing = [field for field in record._fields if field not in names]
    if missing:
        raise ValueError(f"no column is called {', '.join(missing)}; there are {', '.join(names)}")
    places = [names.index(field) for field in record._fields]
    inner = _of_rows(record)
    return lambda rows: inner([[row[place] for place in places] for row in rows])


def _nullable(record: Any) -> list[str]:
    """The fields that may be None and not a text: an empty field means None there."""
    try:
        hints = typing.get_type_hints(record)
    except (TypeError, NameError):
        return []
    found = []
    for name, hint in hints.items():
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            kinds = typing.get_args(hint)
            if type(None) in kinds and str not in kinds:
                found.append(name)
    return found
