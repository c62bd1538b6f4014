"""The formats of lines by their names, and the options that a sink passes on to them."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import attrs

from wallarood.connectors.text.jsonlines import JsonEncoder
from wallarood.connectors.text.plain import PlainEncoder
from wallarood.connectors.text.rows import RowEncoder
from wallarood.model.errors import ApplicationError

LineFormat: TypeAlias = Literal["lines", "tsv", "json", "csv"]
Nan: TypeAlias = Literal["null", "text", "error"]

SUFFIXES: dict[str, str] = {"lines": "txt", "tsv": "tsv", "json": "jsonl", "csv": "csv"}


class LineEncoder(Protocol):
    """Turns records into lines. One belongs to one sink instance: it learns columns."""

    def __call__(self, records: list[Any], /) -> bytes:
        """The lines of *records*, each with its line end.

        Raises ApplicationError: a record cannot be written; it names sink and record.
        """

    def head(self) -> bytes:
        """What a file begins with, known once its first records were encoded; mostly empty."""


@attrs.frozen
class LineOptions:
    """What a sink may be told about its format.

    `header` (csv and tsv): True for a row with the names of the columns at the start of each file,
    False for none, or the names, which then also say which fields are written and in what order;
    None is True for csv where records have names, else False. `delimiter` (csv) separates fields.
    `nan` (json) says how NaN and infinities are written: "null", "text" (``NaN``, ``Infinity``: not
    JSON, but many read it) or "error".
    """

    header: bool | Sequence[str] | None = None
    delimiter: str = ","
    nan: Nan = "null"


def encoder(
    line_format: LineFormat, options: LineOptions | None = None, *, sink: str = ""
) -> LineEncoder:
    """The encoder from records to UTF-8 lines for *sink*, which errors name.

    ``lines``: `str(record)`; ``tsv``: the fields of a record between tabs; ``json``: one JSON value
    a line; ``csv``: the fields as RFC 4180 quotes them. See wallarood-app(7), FORMATS OF FILES.

    Raises ApplicationError: there is no such format, or an option does not fit.
    """
    options = options or LineOptions()
    if line_format not in SUFFIXES:
        expected = ", ".join(SUFFIXES)
        raise ApplicationError(f"format {line_format!r}: expected one of {expected}")
    _check(line_format, options)
    make: dict[str, Callable[[], LineEncoder]] = {
        "lines": lambda: PlainEncoder(sink),
        "json": lambda: JsonEncoder(sink, options.nan),
        "tsv": lambda: RowEncoder(sink, options.header or False, None),
        "csv": lambda: RowEncoder(sink, options.header, options.delimiter),
    }
    return make[line_format]()


def payloads(encode: LineEncoder, line_format: LineFormat, records: list[Any]) -> list[bytes]:
    """The line of each of *records* without its line end, for where a frame says how long it is.

    Raises ApplicationError: see `LineEncoder`.
    """
    if line_format == "csv":  # a field may hold line breaks
        return [encode([record]).removesuffix(b"\r\n") for record in records]
    return encode(records).split(b"\n")[:-1]


def _check(line_format: str, options: LineOptions) -> None:
    header, delimiter = options.header, options.delimiter
    if header is not None and line_format not in ("csv", "tsv"):
        raise ApplicationError(f"header={header!r}: only the formats csv and tsv have a header")
    if header is not None and not isinstance(header, bool):
        names = [] if isinstance(header, str) else list(header)
        if not names or not all(isinstance(name, str) for name in names):
            raise ApplicationError(f"header={header!r}: expected True, False or a list of names")
        if len(set(names)) < len(names):
            raise ApplicationError(f"header={header!r}: a name is there twice")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ApplicationError(f"delimiter={delimiter!r}: expected one character")
    if delimiter != "," and line_format != "csv":
        raise ApplicationError(f"delimiter={delimiter!r}: only the format csv has a delimiter")
    if options.nan not in ("null", "text", "error"):
        raise ApplicationError(f"nan={options.nan!r}: expected 'null', 'text' or 'error'")
    if options.nan != "null" and line_format != "json":
        raise ApplicationError(f"nan={options.nan!r}: only for the format json")
