"""What a join keeps for a key: the records of both sides, in the order of time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import compress
from operator import itemgetter
from typing import Any, Final, TypeAlias

from wallarood.model.batch import Batch

_ITSELF: Any = ...
"""In the place of a key that is its own stand-in."""


Emitted: TypeAlias = tuple[int, bytes, Any, Any]
"""What a join emits when time has come: its time, its key as bytes and as it is, the pair."""
_place: Final = itemgetter(0, 1)
SLICE_PAIRS: Final = 1024


class Side:
    """The records of one side: columns of times, values, and whether each has met a partner.

    The last is None where it is not asked for.
    """

    __slots__ = ("matched", "times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []
        self.matched: list[bool] | None = None

    def add(self, time: int, value: Any) -> int:
        """Put a record after all that are not later; its place."""
        times = self.times
        if not times or time >= times[-1]:
            times.append(time)
            self.values.append(value)
            return len(times) - 1
        place = bisect_right(times, time)
        times.insert(place, time)
        self.values.insert(place, value)
        return place

    def mark(self, place: int, *, met: int) -> None:
        """The record that was put at *place* has met so many partners."""
        if self.matched is None:
            self.matched = []
        self.matched.insert(place, met > 0)

    def first_unmatched(self) -> int | None:
        """The time of the first record that has met no other."""
        if not self.matched or all(self.matched):
            return None
        return self.times[self.matched.index(False)]

    def match(self, start: int, end: int) -> None:
        """The records from *start* to before *end* have met a partner."""
        assert self.matched is not None
        self.matched[start:end] = [True] * (end - start)

    def unmatched(self, count: int) -> Iterator[tuple[int, Any]]:
        """Time and value of those of the first *count* records that have met no other."""
        open_ = [not each for each in (self.matched or ())[:count]]
        return compress(zip(self.times, self.values, strict=True), open_)

    def drop_before(self, time: int) -> None:
        """Forget the records before *time*."""
        times = self.times
        if times and times[0] < time:
            if times[-1] < time:
                times.clear()
                self.values.clear()
                self.matched = None
            else:
                self.drop(bisect_left(times, time))

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


def in_order(emitted: list[Emitted]) -> Iterator[Batch]:
    """*emitted* by time and key, so that it comes in the same order in every life, in slices."""
    emitted.sort(key=_place)
    for start in range(0, len(emitted), SLICE_PAIRS):
        times, _, keys, pairs = map(list, zip(*emitted[start : start + SLICE_PAIRS], strict=True))
        yield Batch(pairs, keys, times=times)
