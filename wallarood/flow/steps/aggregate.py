"""Built-in aggregations: a batch is added to the state of its keys by loops that run in C."""
# Theory of operation
# ===================
# A key's state is a row of cells: count, sum, least, greatest; a mean is a sum and a count. A row
# of one cell is held bare. Rows are values: a new one takes the place of the old, nothing is
# changed in place, so a capture may hold on to what it sees.
#
# The quick way takes a whole batch: the rows of its keys are fetched, each cell is brought forward
# for all of them, and only when everything has gone well are the new rows put back. It leaves
# no trace when it meets a value that cannot be added or compared. The careful way then takes the
# same batch record by record: the ones at fault are found, and their policy decides.
#
# Both ways add in the order of the records, so the sum of floats does not depend on how the
# records were cut into batches, and the first of equal values stays the least or greatest.

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import compress, repeat
from operator import gt, is_not, lt, ne, truediv
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.keys import canonical_all
from wallarood.flow.state import KeyedState
from wallarood.flow.steps.operators import DROPPED, call_each, gather
from wallarood.flow.steps.selectors import Selector, selector_of
from wallarood.model.aggregation import AggregationKind, row
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, Shape

_NUMBERS: Final = (int, float, Decimal, Fraction)
_SUMMABLE: Final = frozenset({*_NUMBERS, bool})
_WHOLE_ORDER: Final = frozenset({int, bool, str, bytes})
"""Types of which every value has its place among the others: there is no NaN."""
_ABSENT: Final = object()
"""The least and the greatest of no records."""

OldOf: TypeAlias = Callable[[Any, Any], Any]
"""Gives the cell of a key before the batch, or else its second argument."""
News: TypeAlias = dict[Any, Any]
"""The cells of the keys of a batch, in the order in which they first occur in it."""
_LookedAt: TypeAlias = tuple[Callable[[Any], Any] | None, Selector | None]
"""The function that gives a column, None for the records themselves; what selects as it does."""
_Results: TypeAlias = tuple[list[Any], Sequence[Iterable[Any]]]
"""Keys, and a column for each aggregation."""


@attrs.frozen
class _Keyed:
    """What there is to aggregate: the key of each record, and the columns that cells look at."""

    held: list[Any]
    columns: Sequence[list[Any]]
    counts: "Counter[Any]"
    """How many records each key has; empty if nothing counts."""


@attrs.frozen
class _Cell:
    """One part of a row; `column` is the index of the values that it looks at."""

    kind: AggregationKind
    column: int

    @property
    def empty(self) -> Any:
        """The cell of no records."""
        return 0 if self.kind in (AggregationKind.COUNT, AggregationKind.SUM) else _ABSENT

    def fits(self, keyed: _Keyed) -> bool:
        """Whether the quick way may be tried."""
        if self.kind is AggregationKind.COUNT:
            return True
        values = keyed.columns[self.column]
        kinds = set(map(type, values))
        if self.kind is AggregationKind.SUM:
            return kinds <= _SUMMABLE
        if kinds <= _WHOLE_ORDER:
            return True
        # What has no order raises. StopIteration only ends these loops, which are in C.
        asked = len(list(map(lt, values, values))) + len(own := list(map(ne, values, values)))
        return asked == 2 * len(values) and not any(own)

    def advance(self, old_of: OldOf, keyed: _Keyed) -> News:
        """The cells of the keys of the batch behind it."""
        if self.kind is AggregationKind.COUNT:
            return {key: old_of(key, 0) + more for key, more in keyed.counts.items()}
        pairs = zip(keyed.held, keyed.columns[self.column], strict=True)
        if self.kind is AggregationKind.SUM:
            return _summed(old_of, pairs)
        return (_least if self.kind is AggregationKind.MIN else _greatest)(old_of, pairs)

    def step(self, old: Any, values: Sequence[Any]) -> Any:
        """The cell after one more record. Raises if its value cannot be added or compared."""
        if self.kind is AggregationKind.COUNT:
            return old + 1
        value = values[self.column]
        if self.kind is AggregationKind.SUM:
            if not isinstance(value, _NUMBERS):
                raise TypeError(f"cannot add {_shown(value)}: expected a number")
            return old + value
        better = lt if self.kind is AggregationKind.MIN else gt
        if old is _ABSENT:
            better(value, value)
        if ne(value, value):
            raise ValueError(f"{_shown(value)} is neither less nor greater than other values")
        return value if old is _ABSENT or better(value, old) else old


# A plain loop over a dict of the batch's own keys is the cheapest there is for few records a key:
# the state, which may be large and far from the processor, is asked once for each key.


def _summed(old_of: OldOf, pairs: Iterable[tuple[Any, Any]]) -> News:
    news: News = {}
    for key, value in pairs:
        if key in news:
            news[key] += value
        else:
            news[key] = old_of(key, 0) + value
    return news


def _least(old_of: OldOf, pairs: Iterable[tuple[Any, Any]]) -> News:
    news: News = {}
    for key, value in pairs:
        old = news[key] if key in news else old_of(key, _ABSENT)
        news[key] = value if old is _ABSENT or value < old else old
    return news


def _greatest(old_of: OldOf, pairs: Iterable[tuple[Any, Any]]) -> News:
    news: News = {}
    for key, value in pairs:
        old = news[key] if key in news else old_of(key, _ABSENT)
        news[key] = value if old is _ABSENT or value > old else old
    return news


def _shown(value: Any) -> str:
    return f"{value!r:.100} ({type(value).__name__})"


@attrs.frozen
class _Layout:
    """The cells of a row, and which of them make each result: one, or sum and count of a mean."""

    cells: tuple[_Cell, ...]
    results: tuple[tuple[int, ...], ...]
    functions: tuple[Callable[[Any], Any] | None, ...]
    """What gives each column of values; None for the records themselves."""

    @classmethod
    def of(cls, computation: Computation) -> "_Layout":
        functions = list(dict.fromkeys(each.of for each in computation.aggregations))
        cells: list[_Cell] = []
        results: list[tuple[int, ...]] = []
        for each in computation.aggregations:
            column, first = functions.index(each.of), len(cells)
            if each.kind is AggregationKind.MEAN:
                cells.append(_Cell(AggregationKind.SUM, column))
                cells.append(_Cell(AggregationKind.COUNT, column))
            else:
                cells.append(_Cell(each.kind, column))
            results.append(tuple(range(first, len(cells))))
        return cls(tuple(cells), tuple(results), tuple(functions))

    def shown(self, cells: Sequence[Any]) -> list[Any]:
        """The results of one row."""
        return [cells[i[0]] if len(i) == 1 else cells[i[0]] / cells[i[1]] for i in self.results]


class Aggregator:
    """The operator of the aggregations of *computation* on *state*."""

    def __init__(self, computation: Computation, state: KeyedState) -> None:
        self._computation = computation
        self._state = state
        self._layout = layout = _Layout.of(computation)
        self._bare = len(layout.cells) == 1
        empties = tuple(cell.empty for cell in layout.cells)
        self._empty = empties[0] if self._bare else empties
        self._looked_at = [(each, each and selector_of(each)) for each in layout.functions]
        self._counting = any(cell.kind is AggregationKind.COUNT for cell in layout.cells)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """One record for each key of *batch*, in the order in which keys first occur."""
        if batch.keys is None:
            raise ValueError("a batch without keys at an aggregation")
        batch, columns = self._columns(batch, failures)
        keys = batch.keys
        if not keys:
            return Batch([], [])
        held = canonical_all(batch)
        keyed = _Keyed(held, columns, Counter(held if self._counting else ()))
        try:
            done = self._quickly(keyed)
        except BaseException as error:  # the careful way finds out what it is about
            pass_on(error)
            done = None
        names, results = done or self._carefully(keyed, batch.values, failures)
        times = None
        if batch.times is not None:
            times = list(map(dict(zip(held, batch.times, strict=True)).__getitem__, names))
        if held is not keys:
            names = list(map(dict(zip(held, keys, strict=True)).__getitem__, names))
        return self._emitted(Batch([], names, times=times), results, failures)

    def _columns(self, batch: Batch, failures: list[Failure]) -> tuple[Batch, Sequence[list[Any]]]:
        """The values to aggregate, and the records that have them all."""
        columns: list[list[Any]] = []
        for looked_at in self._looked_at:
            before = len(failures)
            columns.append(self._column(looked_at, batch.values, failures))
            if len(failures) > before:
                flags = list(map(is_not, columns[-1], repeat(DROPPED)))
                batch = batch.sift(flags)
                columns = [list(compress(each, flags)) for each in columns]
        return batch, columns

    def _column(
        self, looked_at: _LookedAt, records: list[Any], failures: list[Failure]
    ) -> list[Any]:
        function, select = looked_at
        if function is None:
            return records
        if select is not None:
            # If something raises, the function itself is called, and tells which record it was.
            try:
                return select.all_of(records)
            except BaseException as error:
                pass_on(error)
        return call_each(self._computation, function, records, failures=failures)

    def _quickly(self, keyed: _Keyed) -> _Results | None:
        """Add the whole batch; None, or an exception, if that must be done record by record."""
        cells = self._layout.cells
        if not all(cell.fits(keyed) for cell in cells):
            return None
        if self._bare:
            news = [cells[0].advance(self._state.by_key.get, keyed)]
            rows = news[0]
        else:
            names = keyed.counts or dict.fromkeys(keyed.held)
            before = zip(*map(self._state.by_key.get, names, repeat(self._empty)), strict=True)
            news = [
                cell.advance(dict(zip(names, column, strict=True)).get, keyed)
                for cell, column in zip(cells, before, strict=True)
            ]
            columns = (each.values() for each in news)
            rows = dict(zip(news[0], zip(*columns, strict=True), strict=True))
        results = [
            news[each[0]].values()
            if len(each) == 1
            else list(map(truediv, *(news[i].values() for i in each)))
            for each in self._layout.results
        ]
        self._state.put(rows)
        return list(rows), results

    def _carefully(self, keyed: _Keyed, records: list[Any], failures: list[Failure]) -> _Results:
        """Add record by record, without those whose values do not fit."""
        by_key, layout = self._state.by_key, self._layout
        seen: dict[Any, list[Any]] = {}
        for index, (key, record) in enumerate(zip(keyed.held, records, strict=True)):
            old = by_key.get(key, self._empty)
            values = [column[index] for column in keyed.columns]
            try:
                olds = (old,) if self._bare else old
                new = tuple(
                    [c.step(old, values) for c, old in zip(layout.cells, olds, strict=True)]
                )
                seen[key] = layout.shown(new)
            except BaseException as error:
                fail(self._computation, record, error, failures=failures)
            else:
                self._state.put({key: new[0] if self._bare else new})
        return list(seen), list(zip(*seen.values(), strict=True))

    def _emitted(
        self, named: Batch, results: Sequence[Iterable[Any]], failures: list[Failure]
    ) -> Batch:
        """The records that tell of these keys, with the stamp of the last record of each."""
        if not named.keys:
            return named
        rows = named.replace(list(zip(named.keys, *results, strict=True)))
        into = self._computation.function
        if into is row:
            return rows
        records = call_each(
            self._computation, lambda row: into(*row), rows.values, failures=failures
        )
        return gather(Shape.ONE, rows, records)
