"""Values of PostgreSQL as Python's, from the text that the server sends.

What is not in `NAMES` stays text, and so does what Python's type cannot hold: the dates infinity,
those before the year 1 and after 9999, and the time 24:00.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

Decode = Callable[[bytes], Any]

SETTINGS = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 1; SET IntervalStyle = 'iso_8601'"
)
"""Of a session whose values these functions read."""
NAMES = {
    16: "boolean",
    17: "bytea",
    18: '"char"',
    19: "name",
    20: "bigint",
    21: "smallint",
    23: "integer",
    25: "text",
    26: "oid",
    114: "json",
    700: "real",
    701: "double precision",
    1042: "character",
    1043: "character varying",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1186: "interval",
    1700: "numeric",
    2950: "uuid",
    3802: "jsonb",
}
ELEMENTS = {
    1000: 16,
    1001: 17,
    1002: 18,
    1003: 19,
    1005: 21,
    1007: 23,
    1009: 25,
    1014: 1042,
    1015: 1043,
    1016: 20,
    1021: 700,
    1022: 701,
    1028: 26,
    1115: 1114,
    1182: 1082,
    1183: 1083,
    1185: 1184,
    1187: 1186,
    1231: 1700,
    199: 114,
    2951: 2950,
    3807: 3802,
}
"""Of arrays by their OID: that of their elements."""

_PART = re.compile(rb'([{},])|"((?:[^"\\]|\\.)*)"|([^",{}]+)', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def name_of(oid: int) -> str:
    """What the type is called; a number if it is none of those that every server has."""
    if oid in ELEMENTS:
        return f"{NAMES[ELEMENTS[oid]]}[]"
    return NAMES.get(oid, f"type {oid}")


def decoder_of(oid: int) -> Decode:
    """What makes a value of a type from its text."""
    if oid in ELEMENTS:
        return _array_of(_DECODERS.get(ELEMENTS[oid], _text))
    return _DECODERS.get(oid, _text)


_text = bytes.decode


def _timestamptz(raw: bytes) -> datetime | str:
    try:
        return datetime.fromisoformat(_text(raw)).astimezone(UTC)
    except ValueError:
        return _text(raw)


def _or_text(parse: Callable[[str], Any]) -> Decode:
    def decode(raw: bytes) -> Any:
        text = _text(raw)
        try:
            return parse(text)
        except (ValueError, RecursionError):
            return text

    return decode


def _array_of(decode: Decode) -> Decode:
    def decoded(raw: bytes) -> Any:
        if raw[:1] == b"[":  # bounds that do not begin at 1, as in [0:1]={1,2}
            raw = raw[raw.index(b"=") + 1 :]
        levels: list[list[Any]] = [[]]
        for mark, quoted, plain in (match.groups() for match in _PART.finditer(raw)):
            if mark == b"{":
                levels.append([])
            elif mark == b"}":
                ended = levels.pop()
                levels[-1].append(ended)
            elif quoted is not None:
                levels[-1].append(decode(_ESCAPED.sub(rb"\1", quoted)))
            elif plain is not None:
                levels[-1].append(None if plain == b"NULL" else decode(plain))
        return levels[0][0]

    return decoded


_DECODERS: dict[int, Decode] = {
    16: lambda raw: raw == b"t",
    17: lambda raw: bytes.fromhex(str(raw[2:], "ascii")),
    20: int,
    21: int,
    23: int,
    26: int,
    114: _or_text(msgspec.json.decode),
    700: float,
    701: float,
    1082: _or_text(date.fromisoformat),
    1083: _or_text(time.fromisoformat),
    1114: _or_text(datetime.fromisoformat),
    1184: _timestamptz,
    1700: lambda raw: Decimal(str(raw, "ascii")),
    2950: lambda raw: UUID(str(raw, "ascii")),
    3802: _or_text(msgspec.json.decode),
}
