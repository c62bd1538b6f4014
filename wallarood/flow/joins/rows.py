"""What a join keeps for a key: the records of both sides, in the order of time."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import compress
from typing import Any

_ITSELF: Any = ...
"""In the place of a key that is its own stand-in."""


class Side:
    """The records of one side: columns of times, values, and whether each has met a partner.

    The last is None where nobody asks.
    """

    __slots__ = ("matched", "times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []
        self.matched: list[bool] | None = None

    def add(self, time: int, value: Any, *, matched: bool | None) -> int:
        """Put a record behind all that are not later; its place.

        *matched* is None where nobody will ask.
        """
        times = self.times
        if not times or time >= times[-1]:
            place = len(times)
            times.append(time)
            self.values.append(value)
        else:
            place = bisect_right(times, time)
            times.insert(place, time)
            self.values.insert(place, value)
        if matched is not None:
            if self.matched is None:
                self.matched = []
            self.matched.insert(place, matched)
        return place

    def match(self, start: int, end: int) -> None:
        """The records from *start* to before *end* have met a partner."""
        assert self.matched is not None
        self.matched[start:end] = [True] * (end - start)

    def unmatched(self, count: int) -> Iterator[tuple[int, Any]]:
        """Time and value of those of the first *count* records that have met nobody."""
        open_ = [not each for each in (self.matched or ())[:count]]
        return compress(zip(self.times, self.values, strict=True), open_)

    def drop(self, count: int) -> None:
        """Forget the first *count* records."""
        if count:
            del self.times[:count], self.values[:count]
            if self.matched is not None:
                del self.matched[:count]


class Row:
    """Both sides of a key, and the key where its stand-in does not tell it."""

    __slots__ = ("key", "sides")

    def __init__(self) -> None:
        self.key: Any = _ITSELF
        self.sides = (Side(), Side())

    def key_of(self, held: Any) -> Any:
        """The key of which *held* is the stand-in."""
        return held if self.key is _ITSELF else self.key


def remember_keys(rows: list[Row], keys: list[Any], held: list[Any]) -> None:
    """Keep those of *keys* that their stand-ins do not tell."""
    if keys is held:
        return
    for row, key, each in zip(rows, keys, held, strict=True):
        if key is not each:
            row.key = key
