"""What an application may say about the format of what a source reads."""

import codecs
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypedDict

import attrs
import msgspec

from wallarood.app.functions.declared import OnError
from wallarood.connectors.columns import columns_of
from wallarood.model.errors import ApplicationError

FileFormat: TypeAlias = Literal["lines", "bytes", "json", "csv", "parquet"]
Errors: TypeAlias = Literal[
    "strict", "replace", "ignore", "backslashreplace", "surrogateescape", "surrogatepass"
]
Header: TypeAlias = bool | list[str] | tuple[str, ...]

PLAIN = (Any, dict, list)
"""Types of records that JSON makes without knowing more."""
WIDE = ("utf-16", "utf-32")
"""Encodings in which a line end is not the byte 0x0A: they are turned into UTF-8 while reading."""


class TextOptions(TypedDict, total=False):
    """What every source of lines may be told about their text."""

    encoding: str
    errors: Errors


class JsonOptions(TextOptions, total=False):
    """The same with ``format="json"``."""

    nan: bool


class CsvOptions(TextOptions, total=False):
    """The same with ``format="csv"``."""

    delimiter: str
    quotechar: str | None
    header: Header
    ragged: Literal["error", "fill"]


class ParquetOptions(TypedDict, total=False):
    """What a source of files may be told with ``format="parquet"``."""

    columns: Sequence[str] | None


class FormatOptions(JsonOptions, CsvOptions, ParquetOptions, total=False):
    """What every source of lines may be told about their format."""

    format: FileFormat
    record: Any


class ReadOptions(TypedDict, total=False):
    """What a `FileSource` may be told about reading, whatever the format."""

    scope: Literal["shared", "local"]
    follow: bool
    repeat: int
    on_error: OnError
    split: str | None


class ReadText(ReadOptions, TextOptions, total=False):
    """The same and the format "lines" or "bytes"."""


class ReadJson(ReadOptions, JsonOptions, total=False):
    """The same and the format "json"."""


class ReadCsv(ReadOptions, CsvOptions, total=False):
    """The same and the format "csv"."""


class ReadParquet(ReadOptions, ParquetOptions, total=False):
    """The same and the format "parquet"."""


class ReadLocated(ReadOptions, FormatOptions, total=False):
    """The same and any format."""


@attrs.frozen
class Format:
    """How bytes become records. `names` are those of the columns; None: the first row has them."""

    format: FileFormat = "lines"
    record: Any = str
    encoding: str = "utf-8"
    errors: Errors = "strict"
    nan: bool = False
    delimiter: str = ","
    quotechar: str | None = '"'
    has_header: bool = True
    names: tuple[str, ...] | None = None
    ragged: Literal["error", "fill"] = "error"
    located: bool = False
    """Whether records come as `Located`."""
    columns: tuple[str, ...] | None = None
    """Which columns of Parquet are read; None: all, or those of `record`."""

    @property
    def makes_plain(self) -> bool:
        """Whether records are what JSON decodes to at every depth, and nothing else."""
        return self.format == "json" and self.record in PLAIN and not self.located

    @property
    def wide(self) -> bool:
        """Whether a line end is more than one byte."""
        return self.encoding.startswith(WIDE)


STREAMS = ("lines", "bytes", "json", "csv")
"""Formats that can be read as they come."""
FILES = (*STREAMS, "parquet")


def format_of(owner: str, options: FormatOptions, *, known: tuple[str, ...] = STREAMS) -> Format:
    """The checked format that *options* ask for. Raises ApplicationError: one is wrong."""

    def wrong(option: str, expected: str) -> ApplicationError:
        found = options.get(option)
        return ApplicationError(f"{owner}: {option}={found!r:.100}: expected {expected}")

    for option in options:
        if option not in FormatOptions.__annotations__:
            raise ApplicationError(f"{owner}: unknown option {option!r}")
    kind = options.get("format", "lines")
    if kind not in known:
        raise wrong("format", f"{', '.join(known[:-1])} or {known[-1]}")
    errors = options.get("errors", "strict")
    if errors not in Errors.__args__:  # type: ignore[attr-defined]
        raise wrong("errors", ", ".join(Errors.__args__))  # type: ignore[attr-defined]
    delimiter, quotechar = options.get("delimiter", ","), options.get("quotechar", '"')
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise wrong("delimiter", "one character, not a quote or line end")
    if quotechar is not None and (len(quotechar) != 1 or quotechar in "\r\n" + delimiter):
        raise wrong("quotechar", "one character, not that of delimiter, or None for no quotes")
    if options.get("ragged", "error") not in ("error", "fill"):
        raise wrong("ragged", "'error' or 'fill'")
    has_header, names = _header(owner, options)
    _check_belongs(owner, kind, options)
    made = Format(
        kind,
        _record(owner, options, dict if has_header or names else tuple),
        _encoding(owner, options.get("encoding", "utf-8")),
        errors,
        bool(options.get("nan", False)),
        delimiter,
        quotechar,
        has_header,
        names,
        options.get("ragged", "error"),
        columns=_columns(owner, options),
    )
    return made


def _columns(owner: str, options: FormatOptions) -> tuple[str, ...] | None:
    columns = options.get("columns")
    return None if columns is None else columns_of(owner, columns).names


_ONLY_CSV = ("delimiter", "quotechar", "header", "ragged")
_ONLY_TEXT = ("encoding", "errors")


def _check_belongs(owner: str, kind: str, options: FormatOptions) -> None:
    belongs = dict.fromkeys(_ONLY_CSV, "csv") | {"nan": "json", "columns": "parquet"}
    for option in options:
        if (wanted := belongs.get(option, kind)) != kind:
            raise ApplicationError(
                f'{owner}: {option} is for format="{wanted}", found format="{kind}"'
            )
        if kind == "parquet" and option in _ONLY_TEXT:
            raise ApplicationError(f'{owner}: {option} is for text, found format="parquet"')
    if options.get("record") is not None and kind in ("lines", "bytes"):
        raise ApplicationError(
            f'{owner}: record is for format="json" and format="csv", found format="{kind}"'
        )


def _header(owner: str, options: FormatOptions) -> tuple[bool, tuple[str, ...] | None]:
    header = options.get("header", True)
    if isinstance(header, bool):
        return header, None
    if not isinstance(header, list | tuple) or not all(isinstance(each, str) for each in header):
        raise ApplicationError(
            f"{owner}: header={header!r:.100}: expected True, False or a list of names"
        )
    check_names(f"{owner}: header", list(header))
    return False, tuple(header)


def check_names(where: str, names: list[str]) -> None:
    """Raises ApplicationError: a column has no name, or two have the same."""
    empty = [str(number) for number, name in enumerate(names, 1) if not name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or empty:
        raise ApplicationError(
            f"{where}: column {', '.join(empty) or '1'} has no name: name all columns with "
            "header=[…], or read rows as tuples with header=False"
        )
    if twice:
        raise ApplicationError(
            f"{where}: several columns are called {', '.join(map(repr, twice))}: name them with "
            "header=[…]"
        )


def _record(owner: str, options: FormatOptions, row: type) -> Any:
    record: Any = options.get("record")
    match options.get("format", "lines"):
        case "lines":
            return str
        case "bytes":
            return bytes
        case "json":
            return Any if record is None else record
        case "parquet":
            from wallarood.connectors.parquet.schema import fields_of  # noqa: PLC0415 - only here

            return dict[str, Any] if fields_of(owner, record) is None else record
    if record is None:
        return dict[str, str] if row is dict else tuple[str, ...]
    try:
        msgspec.convert([], list.__class_getitem__(record), strict=False)
    except TypeError as error:
        raise ApplicationError(f"{owner}: record={record!r:.100}: {error}") from None
    return record


def _encoding(owner: str, encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        newline = "\n".encode(name)
    except (LookupError, TypeError, UnicodeError):
        raise ApplicationError(f"{owner}: encoding={encoding!r:.100}: unknown encoding") from None
    if name == "utf-8-sig":
        return "utf-8"
    if name.startswith(WIDE):
        return name
    if newline != b"\n" or name.startswith(("iso2022", "hz", "utf-7", "utf_7")):
        raise ApplicationError(
            f"{owner}: encoding={encoding!r}: lines cannot be separated in it; convert the input"
        )
    return name
