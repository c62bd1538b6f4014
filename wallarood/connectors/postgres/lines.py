"""Rows as lines of COPY, if all their values are simple: made a column at a time, and kept as text.

What is made of a value is what psycopg makes of it. Other rows are kept as they are, and formatted
by psycopg when they are written.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from wallarood.connectors.postgres.rows import problem_of_text

_encode = msgspec.json.Encoder().encode
NULL = "\\N"
_SPECIAL = re.compile(r"[\b\t\n\v\f\r\\]")
_ESCAPES = str.maketrans(
    {
        "\b": "\\b",
        "\t": "\\t",
        "\n": "\\n",
        "\v": "\\v",
        "\f": "\\f",
        "\r": "\\r",
        "\\": "\\\\",
    }
)


def lines_of(rows: Sequence[Sequence[Any]]) -> list[str] | None:
    """A line of each row, without its end; None if one has a value that is not simple."""
    columns = []
    for column in zip(*rows, strict=True):
        texts = _texts(column)
        if texts is None:
            return None
        columns.append(texts)
    return list(map("\t".join, zip(*columns, strict=True)))


def written(records: Sequence[Any], write: Callable[[Any], None]) -> Iterable[Any]:
    """Those of *records* that are no lines; what is a line goes to *write*."""
    if set(map(type, records)) == {str}:
        write("\n".join((*records, "")).encode())
        return
    for each in records:
        if type(each) is str:
            write(f"{each}\n".encode())
        else:
            yield each


def _texts(column: Sequence[Any]) -> Iterable[str] | None:
    kinds = set(map(type, column))
    if type(None) in kinds:
        present = _texts([value for value in column if value is not None])
        if present is None:
            return None
        following = iter(present)
        return [NULL if value is None else next(following) for value in column]
    if len(kinds) > 1:
        return None
    if not kinds:
        return ()
    kind: Any = kinds.pop()
    if kind is int or kind is float:
        return _numbers(column)
    if kind is bool:
        return ["t" if value else "f" for value in column]
    return _escaped(column) if kind is str else None


def _numbers(column: Sequence[int] | Sequence[float]) -> Iterable[str]:
    """Written by msgspec, which is quicker, but for those that it writes in another way."""
    try:
        whole = _encode(column)[1:-1]
    except OverflowError:
        return map(repr, column)
    if b"e" in whole or b"n" in whole:  # 1e16 and null, in the place of 1e+16 and nan
        return map(repr, column)
    return whole.decode().split(",")


def _escaped(column: Sequence[str]) -> Sequence[str] | None:
    whole = "".join(column)
    if problem_of_text(whole):
        return None
    if (whole.isprintable() and "\\" not in whole) or _SPECIAL.search(whole) is None:
        return column
    return [value.translate(_ESCAPES) for value in column]
