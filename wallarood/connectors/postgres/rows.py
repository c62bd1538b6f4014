"""Rows as COPY takes them: what PostgreSQL can never take is found where it is made."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from wallarood.connectors.postgres.server import psycopg

_TAKEN = frozenset((bool, int, float, bytes, Decimal, datetime, date, time, timedelta, UUID))
_ALIKE = frozenset((bool, int, str, bytes, UUID, date))
"""Of these, equal values are written alike."""


def are_taken(column: Sequence[Any]) -> bool:
    """Whether all values of a column are surely of those that `problem_of` takes; quick.

    None is not among them.
    """
    kinds = set(map(type, column))
    if str in kinds:
        texts = column if len(kinds) == 1 else [value for value in column if type(value) is str]
        if problem_of_text("".join(texts)):
            return False
    return kinds - {str} <= _TAKEN


def problem_of(value: Any) -> str:
    """Why PostgreSQL cannot take *value*; empty if its table decides."""
    kind: Any = type(value)
    if kind in _TAKEN or value is None:
        return ""
    if isinstance(value, str):
        return problem_of_text(value)
    if isinstance(value, list | tuple):
        return next(filter(None, map(problem_of, value)), "")
    if _is_sent(kind):
        return ""
    return (
        f"a value of class {kind.__qualname__}, for which psycopg has no dumper: make it a text, a "
        "number or the like (a dict is JSON by msgspec.json.encode)"
    )


def problem_of_text(value: str) -> str:
    """As `problem_of`."""
    if "\0" in value:
        return f"PostgreSQL takes no text with a character NUL in it: found {value!r:.100}"
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return f"a text that is not UTF-8: {error}"
    return ""


@cache
def _is_sent(kind: Any) -> bool:
    """Whether the client knows how to send values of a class."""
    client = psycopg()
    try:
        client.adapters.get_dumper(kind, client.adapt.PyFormat.TEXT)
    except client.ProgrammingError:
        return False
    return True


def last_of_each_key(rows: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    """*rows* without most of those that a later one replaces, whose key stands at *places*.

    Only the table knows which of the others are of one key: it may take two texts for the same, or
    equal values for two.
    """
    for place in places:
        kinds = {type(row[place]) for row in rows}
        if len(kinds) != 1 or not kinds <= _ALIKE:
            return rows
    key_of = itemgetter(*places)
    last: dict[Any, Any] = {}
    for row in reversed(rows):
        last.setdefault(key_of(row), row)
    return list(reversed(last.values()))
