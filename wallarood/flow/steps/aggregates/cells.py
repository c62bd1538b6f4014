"""Cells: the parts of a key's row, each of which brings an aggregation forward."""
# Theory of operation
# ===================
# A row has a cell for each aggregation: count, sum, least, greatest; a mean is a sum and a count.
# Cells are values: a new one takes the place of the old, nothing is changed in place, so a capture
# may hold on to what it sees.
#
# A cell is brought forward for all keys of a batch at once, or by one record, and cells of two
# parts of a window are merged to one. All ways add in the order of the records.

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from operator import gt, lt, ne
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import attrs
import msgspec

_NUMBERS: Final = (int, float, Decimal, Fraction)
_SUMMABLE: Final = frozenset({*_NUMBERS, bool})
_WHOLE_ORDER: Final = frozenset({int, bool, str, bytes})
"""Types of which every value has its place among the others: there is no NaN."""
ABSENT: Final = object()
"""The cell of no records where no value could be one."""

OldOf: TypeAlias = Callable[[Any, Any], Any]
"""Gives the cell of a key before, or else its second argument."""
News: TypeAlias = dict[Any, Any]
"""The cells of the keys of a batch, in the order in which they first occur in it."""
Pairs: TypeAlias = Iterable[tuple[Any, Any]]
"""Keys, each with a value, or with a cell that is merged into the one before."""


@attrs.frozen
class Keyed:
    """What there is to aggregate: the key of each record, and the columns that cells look at."""

    held: list[Any]
    columns: Sequence[list[Any]]
    counts: "Counter[Any]"
    """How many records each key has; empty if nothing counts."""
    times: list[int] | None = None


class Cell(Protocol):
    """How a cell comes about. All cells of one kind have an *empty* one, of no records."""

    @property
    def empty(self) -> Any:
        """The cell of no records."""

    def fits(self, columns: Sequence[list[Any]]) -> bool:
        """Whether `advance` may be tried."""

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """The cells of the keys of a batch after it."""

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:
        """The cell after one more record. Raises if its value cannot be added or compared."""

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """The cells of keys after those in *pairs*, which come later."""


def number(value: Any) -> Any:
    """*value*, which can be added. Raises TypeError: it cannot be."""
    if not isinstance(value, _NUMBERS):
        raise TypeError(f"cannot add {shown(value)}: expected a number")
    return value


def ordered(value: Any, better: Callable[[Any, Any], Any]) -> Any:
    """*value*, if *better* can compare it. Raises what comparing raises, ValueError for a NaN."""
    better(value, value)
    if ne(value, value):
        raise ValueError(f"{shown(value)} is neither less nor greater than other values")
    return value


def all_numbers(values: list[Any]) -> bool:
    """Whether all *values* can be added."""
    if values and type(values[0]) is int:
        try:
            # It looks at each in a quarter of the time. A subclass of int passes, and is added by
            # the same expression here and record by record.
            msgspec.convert(values, list[int])
        except (msgspec.ValidationError, OverflowError):
            pass
        else:
            return True
    return set(map(type, values)) <= _SUMMABLE


def all_ordered(values: list[Any]) -> bool:
    """Whether all *values* can be compared, as far as that is quickly found out."""
    if set(map(type, values)) <= _WHOLE_ORDER:
        return True
    # What has no order raises. StopIteration only ends these loops, which are in C.
    asked = len(list(map(lt, values, values))) + len(own := list(map(ne, values, values)))
    return asked == 2 * len(values) and not any(own)


@attrs.frozen
class Count:
    """How many records there were."""

    empty: ClassVar[int] = 0

    def fits(self, columns: Sequence[list[Any]]) -> bool:  # noqa: ARG002
        """See `Cell.fits`: anything counts."""
        return True

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """See `Cell.advance`."""
        return {key: old_of(key, 0) + more for key, more in keyed.counts.items()}

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:  # noqa: ARG002
        """See `Cell.step`."""
        return old + 1

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """See `Cell.merge`."""
        return _summed(old_of, pairs)


@attrs.frozen
class Sum:
    """The sum of a column."""

    column: int
    empty: ClassVar[int] = 0

    def fits(self, columns: Sequence[list[Any]]) -> bool:
        """See `Cell.fits`."""
        return all_numbers(columns[self.column])

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """See `Cell.advance`."""
        return _summed(old_of, zip(keyed.held, keyed.columns[self.column], strict=True))

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:  # noqa: ARG002
        """See `Cell.step`."""
        return old + number(values[self.column])

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """See `Cell.merge`."""
        return _summed(old_of, pairs)


@attrs.frozen
class Least:
    """The least value of a column, the first of equal ones."""

    column: int
    empty: ClassVar[Any] = ABSENT

    def fits(self, columns: Sequence[list[Any]]) -> bool:
        """See `Cell.fits`."""
        return all_ordered(columns[self.column])

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """See `Cell.advance`."""
        return _least(old_of, zip(keyed.held, keyed.columns[self.column], strict=True))

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:  # noqa: ARG002
        """See `Cell.step`."""
        value = ordered(values[self.column], lt)
        return value if old is ABSENT or lt(value, old) else old

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """See `Cell.merge`."""
        return _least(old_of, pairs)


@attrs.frozen
class Greatest:
    """The greatest value of a column, the first of equal ones."""

    column: int
    empty: ClassVar[Any] = ABSENT

    def fits(self, columns: Sequence[list[Any]]) -> bool:
        """See `Cell.fits`."""
        return all_ordered(columns[self.column])

    def advance(self, old_of: OldOf, keyed: Keyed) -> News:
        """See `Cell.advance`."""
        return _greatest(old_of, zip(keyed.held, keyed.columns[self.column], strict=True))

    def step(self, old: Any, values: Sequence[Any], time: int) -> Any:  # noqa: ARG002
        """See `Cell.step`."""
        value = ordered(values[self.column], gt)
        return value if old is ABSENT or gt(value, old) else old

    def merge(self, old_of: OldOf, pairs: Pairs) -> News:
        """See `Cell.merge`."""
        return _greatest(old_of, pairs)


# A plain loop over a dict of the batch's own keys is the cheapest there is for few records a key:
# the state, which may be large and far from the processor, is asked once for each key.


def _summed(old_of: OldOf, pairs: Pairs) -> News:
    news: News = {}
    for key, value in pairs:
        if key in news:
            news[key] += value
        else:
            news[key] = old_of(key, 0) + value
    return news


def _least(old_of: OldOf, pairs: Pairs) -> News:
    news: News = {}
    for key, value in pairs:
        old = news[key] if key in news else old_of(key, ABSENT)
        news[key] = value if old is ABSENT or value < old else old
    return news


def _greatest(old_of: OldOf, pairs: Pairs) -> News:
    news: News = {}
    for key, value in pairs:
        old = news[key] if key in news else old_of(key, ABSENT)
        news[key] = value if old is ABSENT or value > old else old
    return news


def shown(value: Any) -> str:
    """*value* for a message."""
    return f"{value!r:.100} ({type(value).__name__})"
