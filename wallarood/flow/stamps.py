"""Stamps: what a function returns for when a record happened becomes microseconds since 1970."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from wallarood.model.time import MAX_TIME, MIN_TIME

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000


class StampError(ValueError):
    """What was returned does not say when a record happened."""


def stamp_of(found: Any, unit: int | None = 1) -> int:
    """The stamp that *found* is; numbers count in *unit* microseconds, None if there may be none.

    Raises StampError: it is neither a datetime with a time zone nor a number, NaN or out of range.
    """
    if isinstance(found, datetime):
        if found.utcoffset() is None:
            raise StampError(f"found the datetime {found!r} without a time zone: set tzinfo")
        since = found - _EPOCH
        return since.days * _DAY + since.seconds * 1_000_000 + since.microseconds
    kind = type(found)
    if kind is not int and kind is not float:
        raise StampError(
            f"found {found!r:.100} ({kind.__name__}), expected a datetime with a time zone, an int "
            "or a float"
        )
    if unit is None:
        raise StampError(f"found the number {found!r:.100} without a unit: set unit=")
    if kind is float and not isfinite(found):
        raise StampError(f"found {found}, expected a finite number")
    micros = found * unit
    if not MIN_TIME < micros < MAX_TIME:
        raise StampError(f"found {found!r:.100}, which is out of range")
    stamp: int = round(micros)
    if not MIN_TIME < stamp < MAX_TIME:
        raise StampError(f"found {found!r:.100}, which is out of range")
    return stamp


def stamps_of(found: Sequence[Any], unit: int | None) -> list[int] | None:
    """`stamp_of` each, where all are ints or all floats that can be stamps; None if not."""
    kinds = set(map(type, found))
    if unit is None:
        return None
    if kinds == {float}:
        micros = [each * unit for each in found]
        if not all(map(isfinite, micros)):
            return None
        stamps = list(map(round, micros))
    elif kinds == {int}:
        stamps = list(found) if unit == 1 else [each * unit for each in found]
    else:
        return None
    in_range = min(stamps) > MIN_TIME and max(stamps) < MAX_TIME
    return stamps if in_range else None
