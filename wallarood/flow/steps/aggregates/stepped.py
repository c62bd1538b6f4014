"""Cells that are brought forward record by record: first, last, variance, top, lists, sets."""
# Theory of operation
# ===================
# Cells are values, so what grows is not copied for each record: it is a tuple of parts, each more
# than twice as large as the next. A part of one is put at the end, and parts that have become too
# alike are joined, so that each value is copied a few times only, however many there are.

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from math import sqrt
from operator import lt
from typing import Any, TypeAlias

import attrs

from wallarood.flow.keys import canonical
from wallarood.flow.steps.aggregates.cells import Keyed, News, OldOf, Pairs, number, ordered

Parts: TypeAlias = tuple[Any, ...]


@attrs.frozen
class Stepped:
    """A cell of one or several columns; *following* and *joined* are what brings it forward.

    ``following(cell, value, time)`` is the cell after one more record, whose value is a tuple if
    there are several columns; ``joined(cell, later)`` that of both.
    """

    columns: tuple[int, ...]
    empty: Any
    following: Callable[[Any, Any, int], Any]
    joined: Callable[[Any, Any], Any]

    def fits(self, columns: Sequence[list[Any]]) -> bool:  # noqa: ARG002
        """See `Cell.fits`."""
        return True

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """See `Cell.advance`."""
        columns = [keyed.columns[column] for column in self.columns]
        values: Any = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
        times = repeat(0) if keyed.times is None else keyed.times
        empty, following = self.empty, self.following
        news: News = {}
        for key, value, time in zip(keyed.held, values, times, strict=False):
            old = news[key] if key in news else old_of(key, empty)
            news[key] = following(old, value, time)
        return news

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:
        """See `Cell.step`."""
        own = [values[column] for column in self.columns]
        return self.following(old, own[0] if len(own) == 1 else tuple(own), time)

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """See `Cell.merge`."""
        news: News = {}
        for key, cell in pairs:
            old = news[key] if key in news else old_of(key, self.empty)
            news[key] = self.joined(old, cell)
        return news


# ---- the first and the last: (time, value) -------------------------------------------------------


def first(column: int) -> Stepped:
    """The value of the earliest record, the first of equal ones."""
    return Stepped((column,), (), lambda old, value, time: _earlier(old, (time, value)), _earlier)


def last(column: int) -> Stepped:
    """The value of the latest record, the last of equal ones."""
    return Stepped((column,), (), lambda old, value, time: _later(old, (time, value)), _later)


def _earlier(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return new if not old or new[0] < old[0] else old


def _later(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return new if not old or new[0] >= old[0] else old


def value_of(cell: tuple[int, Any]) -> Any:
    """The value of a first or last one."""
    return cell[1]


# ---- variance: (count, mean, sum of squares of distances from it), after Welford and Chan --------


def spread(column: int) -> Stepped:
    """What variance and standard deviation follow from."""
    return Stepped((column,), (0, 0.0, 0.0), _spread_next, _spread_joined)


def _spread_next(old: tuple[int, float, float], value: Any, _: int) -> tuple[int, float, float]:
    count, mean, squares = old
    value = float(number(value))
    distance = value - mean
    mean += distance / (count + 1)
    return count + 1, mean, squares + distance * (value - mean)


def _spread_joined(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> tuple[int, float, float]:
    if not one[0]:
        return other
    count = one[0] + other[0]
    distance = other[1] - one[1]
    mean = one[1] + distance * other[0] / count
    return count, mean, one[2] + other[2] + distance * distance * one[0] * other[0] / count


def variance_of(cell: tuple[int, float, float]) -> float:
    """The mean of the squares of distances from the mean."""
    return cell[2] / cell[0]


def deviation_of(cell: tuple[int, float, float]) -> float:
    """The square root of the variance."""
    return sqrt(cell[2] / cell[0])


# ---- the greatest few: ((rank, value), …) --------------------------------------------------------


def top(of: int, by: int, count: int) -> Stepped:
    """The *count* values of the greatest ranks, the first of equal ones first."""

    def following(old: Parts, value: tuple[Any, Any], _: int) -> Parts:
        return placed(old, (ordered(value[1], lt), value[0]))

    def placed(old: Parts, new: tuple[Any, Any]) -> Parts:
        if len(old) == count and not old[-1][0] < new[0]:
            return old
        place = len(old)
        while place and old[place - 1][0] < new[0]:
            place -= 1
        return (*old[:place], new, *old[place:])[:count]

    def joined(one: Parts, other: Parts) -> Parts:
        for each in other:
            one = placed(one, each)
        return one

    return Stepped((of, by), (), following, joined)


def values_of(cell: Parts) -> list[Any]:
    """The values, without their ranks."""
    return [value for _, value in cell]


# ---- all values, and those that differ -----------------------------------------------------------


def everything(column: int) -> Stepped:
    """All values, in the order of the records."""
    return Stepped((column,), (), lambda old, value, _: _put(old, (value,)), _lists_joined)


def _put(parts: Parts, new: Any) -> Parts:
    """*parts* and, as the last, *new*: tuples, or sets."""
    while parts and len(parts[-1]) <= 2 * len(new):
        new = parts[-1] | new if isinstance(new, frozenset) else parts[-1] + new
        parts = parts[:-1]
    return (*parts, new)


def _lists_joined(one: Parts, other: Parts) -> Parts:
    return _put(one, tuple(chain.from_iterable(other))) if other else one


def listed(cell: Parts) -> list[Any]:
    """All values of a cell of `everything`."""
    return list(chain.from_iterable(cell))


def different(column: int, most: int) -> Stepped:
    """The values that differ; more than *most* are an error."""

    def following(old: Parts, value: Any, _: int) -> Parts:
        held = canonical(value)
        if any(held in part for part in old):
            return old
        return limited(_put(old, frozenset((held,))))

    def limited(parts: Parts) -> Parts:
        if (size := sum(map(len, parts))) > most:
            raise OverflowError(
                f"{size:,} values differ, which is more than at_most={most:,}: raise it, or count "
                "something coarser"
            )
        return parts

    def joined(one: Parts, other: Parts) -> Parts:
        if not other:
            return one
        return limited(_put((), frozenset().union(*one, *other)))

    return Stepped((column,), (), following, joined)


def how_many(cell: Parts) -> int:
    """How many values differ."""
    return sum(map(len, cell))


def numbers(column: int, most: int) -> Stepped:
    """All numbers; more than *most* are an error."""

    def following(old: Parts, value: Any, _: int) -> Parts:
        value = number(value)
        ordered(value, lt)
        return limited(_put(old, (value,)))

    def limited(parts: Parts) -> Parts:
        if (size := sum(map(len, parts))) > most:
            raise OverflowError(
                f"{size:,} values of one key are more than at_most={most:,}: raise it, or let "
                "windows be shorter or keys finer"
            )
        return parts

    def joined(one: Parts, other: Parts) -> Parts:
        return limited(_lists_joined(one, other))

    return Stepped((column,), (), following, joined)


def quantile_of(share: float) -> Callable[[Parts], float]:
    """Between the values at both sides of *share*, by how near it is to each."""

    def shown(cell: Parts) -> float:
        values = sorted(chain.from_iterable(cell))
        at = share * (len(values) - 1)
        low = int(at)
        if at == low:
            return float(values[low])
        return float(values[low]) + (float(values[low + 1]) - float(values[low])) * (at - low)

    return shown
