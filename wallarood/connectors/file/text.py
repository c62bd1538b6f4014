"""Records as lines of text, for every sink that writes lines."""

import csv
import io
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from wallarood.model.errors import ApplicationError

LineFormat: TypeAlias = Literal["lines", "tsv", "json", "csv"]

SUFFIXES: dict[str, str] = {"lines": "txt", "tsv": "tsv", "json": "jsonl", "csv": "csv"}

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def encoder(line_format: LineFormat) -> Callable[[list[Any]], bytes]:
    """The function from records to UTF-8 lines, each with its newline.

    ``lines``: `str(record)`; ``tsv``: the fields of a tuple or list between tabs; ``json``: one
    JSON value a line; ``csv``: the fields as RFC 4180 quotes them, or the values of a dict. In
    ``lines`` and ``tsv`` a backslash, tab, newline or return inside a text is written as
    ``\\\\``, ``\\t``, ``\\n``, ``\\r``, so that a line is always one record.

    Raises ApplicationError: there is no such format.
    """
    try:
        return _ENCODERS[line_format]
    except KeyError:
        expected = ", ".join(_ENCODERS)
        raise ApplicationError(f"format {line_format!r}: expected one of {expected}") from None


def _lines(records: list[Any]) -> bytes:
    text = "\n".join(map(str, records))
    if text.count("\n") != len(records) - 1 or "\r" in text:
        text = "\n".join(str(each).translate(_ESCAPES) for each in records)
    return (text + "\n").encode("utf-8", "surrogatepass")


def _tsv(records: list[Any]) -> bytes:
    rows = ["\t".join([_field(each) for each in _fields(record)]) for record in records]
    return ("\n".join(rows) + "\n").encode("utf-8", "surrogatepass")


def _field(value: Any) -> str:
    text = value if type(value) is str else str(value)
    if "\t" in text or "\n" in text or "\r" in text or "\\" in text:
        return text.translate(_ESCAPES)
    return text


def _fields(record: Any) -> Any:
    if isinstance(record, tuple | list):
        return record
    if isinstance(record, dict):
        return record.values()
    return (record,)


def _json(records: list[Any]) -> bytes:
    try:
        return b"".join([msgspec.json.encode(each) + b"\n" for each in records])
    except (TypeError, ValueError) as error:
        raise ApplicationError(f"a record cannot be written as JSON: {error}") from error


def _csv(records: list[Any]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows(_fields(record) for record in records)
    return out.getvalue().encode("utf-8", "surrogatepass")


_ENCODERS: dict[str, Callable[[list[Any]], bytes]] = {
    "lines": _lines,
    "tsv": _tsv,
    "json": _json,
    "csv": _csv,
}
