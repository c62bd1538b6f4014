"""Rows of cells: what aggregations keep for a key, brought forward by batches."""
# Theory of operation
# ===================
# The quick way takes a whole batch: the rows of its keys are fetched, each cell is brought forward
# for all of them, and only when everything has gone well are the new rows put back. It leaves
# no trace when it meets a value that cannot be added or compared. The careful way then takes the
# same batch record by record: the ones at fault are found, and their policy decides.
#
# Both ways add in the order of the records, so the sum of floats does not depend on how the
# records were cut into batches, and the first of equal values stays the least or greatest.
#
# A row of one cell is held bare.

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from itertools import compress, repeat
from operator import add, is_not, truediv
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.steps.aggregates import stepped
from wallarood.flow.steps.aggregates.cells import Cell, Count, Greatest, Keyed, Least, News, Sum
from wallarood.flow.steps.aggregates.straight import written_for
from wallarood.flow.steps.operators import DROPPED, call_each
from wallarood.flow.steps.selectors import Selector, selector_of
from wallarood.model.aggregation import Aggregation, AggregationKind
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation

Show: TypeAlias = Callable[..., Any]
"""What makes a result of its cells."""
_LookedAt: TypeAlias = tuple[Callable[[Any], Any] | None, Selector | None]
"""The function that gives a column, None for the records themselves; what selects as it does."""


@attrs.frozen
class Layout:
    """The cells of a row, and which of them make each result, by what; None: the cell is it."""

    cells: tuple[Cell, ...]
    results: tuple[tuple[tuple[int, ...], Show | None], ...]
    functions: tuple[Callable[[Any], Any] | None, ...]
    """What gives each column of values; None for the records themselves."""

    @classmethod
    def of(cls, aggregations: tuple[Aggregation, ...]) -> "Layout":
        """The layout of a row of *aggregations*."""
        functions: dict[Callable[[Any], Any] | None, int] = {}
        for each in aggregations:
            functions.setdefault(each.of, len(functions))
            if each.kind is AggregationKind.TOP:
                functions.setdefault(each.by, len(functions))
        cells: list[Cell] = []
        results: list[tuple[tuple[int, ...], Show | None]] = []
        for each in aggregations:
            made, show = _cells(each, functions)
            results.append((tuple(range(len(cells), len(cells) + len(made))), show))
            cells += made
        return cls(tuple(cells), tuple(results), tuple(functions))


_SHOWN: Final[dict[AggregationKind, tuple[Callable[[int], Cell], Show | None]]] = {
    AggregationKind.SUM: (Sum, None),
    AggregationKind.MIN: (Least, None),
    AggregationKind.MAX: (Greatest, None),
    AggregationKind.FIRST: (stepped.first, stepped.value_of),
    AggregationKind.LAST: (stepped.last, stepped.value_of),
    AggregationKind.VARIANCE: (stepped.spread, stepped.variance_of),
    AggregationKind.STDDEV: (stepped.spread, stepped.deviation_of),
    AggregationKind.COLLECT: (stepped.everything, stepped.listed),
}
"""The cell of an aggregation of one column, and what makes the result of it."""


def _cells(
    aggregation: Aggregation, functions: Mapping[Callable[[Any], Any] | None, int]
) -> tuple[list[Cell], Show | None]:
    column, most = functions[aggregation.of], aggregation.most
    match aggregation.kind:
        case AggregationKind.COUNT:
            return [Count()], None
        case AggregationKind.MEAN:
            return [Sum(column), Count()], truediv
        case AggregationKind.TOP:
            return [stepped.top(column, functions[aggregation.by], most)], stepped.values_of
        case AggregationKind.DISTINCT_COUNT:
            return [stepped.different(column, most)], stepped.how_many
        case AggregationKind.QUANTILE:
            return [stepped.numbers(column, most)], stepped.quantile_of(aggregation.share)
        case kind:
            make, show = _SHOWN[kind]
            return [make(column)], show


def _turned(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))


def _empty(_key: Any, empty: Any) -> Any:
    return empty


class Tally:
    """The rows of the aggregations of *computation*, wherever they are kept."""

    def __init__(self, computation: Computation) -> None:
        self._computation = computation
        self._layout = layout = Layout.of(computation.aggregations)
        self._bare = len(layout.cells) == 1
        self._adds = all(type(cell) in (Count, Sum) for cell in layout.cells)
        empties = tuple(cell.empty for cell in layout.cells)
        self.empty = empties[0] if self._bare else empties
        """The row of no records."""
        self._looked_at = [(each, each and selector_of(each)) for each in layout.functions]
        self._counting = any(type(cell) is Count for cell in layout.cells)
        self._written = written_for(layout.cells)

    def columns(self, batch: Batch, failures: list[Failure]) -> tuple[Batch, Sequence[list[Any]]]:
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

    def keyed(
        self, held: list[Any], columns: Sequence[list[Any]], times: list[int] | None
    ) -> Keyed:
        """Records as the cells look at them."""
        return Keyed(held, columns, Counter(held if self._counting else ()), times)

    def straight(self, rows: dict[Any, Any], held: list[Any], columns: Sequence[list[Any]]) -> int:
        """Bring *rows* forward in place; by how many records, fewer if the next one does not fit.

        None at all where that takes longer than `advance`, or something may not fit.
        """
        if self._written is None or not self.fits(columns):
            return 0
        return self._written[0](rows, held, columns)

    def stepping(self, columns: Sequence[list[Any]]) -> Callable[[Any, int], Any] | None:
        """What is the row after the record at a place; None if that is no quicker than `step`."""
        if self._written is None or not self.fits(columns):
            return None
        return self._written[1](columns)

    def advance(
        self, rows: Mapping[Any, Any], keyed: Keyed
    ) -> tuple[dict[Any, Any], list[News]] | None:
        """The new rows, and the cells of each aggregation, of the keys of a batch after *rows*.

        None, or an exception: it must be done record by record.
        """
        cells = self._layout.cells
        if not all(cell.fits(keyed.columns) for cell in cells):
            return None
        if self._bare:
            news = [cells[0].advance(rows.get, keyed)]
            return news[0], news
        names = keyed.counts or dict.fromkeys(keyed.held)
        before = zip(*map(rows.get, names, repeat(self.empty)), strict=True)
        news = [
            cell.advance(dict(zip(names, column, strict=True)).get, keyed)
            for cell, column in zip(cells, before, strict=True)
        ]
        columns = (each.values() for each in news)
        return dict(zip(news[0], zip(*columns, strict=True), strict=True)), news

    def carefully(
        self, rows: Mapping[Any, Any], keyed: Keyed, records: list[Any], *, failures: list[Failure]
    ) -> Iterator[tuple[Any, Any]]:
        """Each key and its new row, record by record, without those whose values do not fit.

        A row is in *rows* before the next is drawn.
        """
        for index, (key, record) in enumerate(zip(keyed.held, records, strict=True)):
            old = rows.get(key, self.empty)
            values = [column[index] for column in keyed.columns]
            try:
                new = self.step(old, values, 0 if keyed.times is None else keyed.times[index])
                self.shown(new)  # what cannot be shown, as a mean that is too large, cannot be kept
            except BaseException as error:
                fail(self._computation, record, error, failures=failures)
            else:
                yield key, new

    def step(self, row: Any, values: Sequence[Any], time: int) -> Any:
        """The row after one more record. Raises if a value of it does not fit."""
        cells = self._layout.cells
        if self._bare:
            return cells[0].step(row, values, time)
        return tuple([c.step(old, values, time) for c, old in zip(cells, row, strict=True)])

    def fits(self, columns: Sequence[list[Any]]) -> bool:
        """Whether `advance` may be tried with these columns."""
        try:
            return all(cell.fits(columns) for cell in self._layout.cells)
        except BaseException as error:  # whatever comparing raises
            pass_on(error)
            return False

    def merge(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """The rows of *keys*, each of which one of *panes* has, over all of these, in order."""
        if self._adds:
            return self._added(keys, panes)
        cells = self._layout.cells
        if self._bare:
            pairs = [(key, pane[key]) for pane in panes for key in keys if key in pane]
            return cells[0].merge(_empty, pairs)
        rows = [(key, pane[key]) for pane in panes for key in keys if key in pane]
        columns = [
            cell.merge(_empty, [(key, row[place]) for key, row in rows])
            for place, cell in enumerate(cells)
        ]
        merged = zip(*(column.values() for column in columns), strict=True)
        return dict(zip(columns[0], merged, strict=True))

    def _added(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """`merge` where all cells add: column by column, pane after pane, without a step a key."""
        columns = [map(pane.get, keys, repeat(self.empty)) for pane in panes]
        if self._bare:
            return dict(zip(keys, reduce(partial(map, add), columns), strict=True))
        cells = [
            reduce(partial(map, add), cells) for cells in zip(*map(_turned, columns), strict=True)
        ]
        return dict(zip(keys, zip(*cells, strict=True), strict=True))

    @property
    def direct(self) -> bool:
        """Whether a row is itself the result of the only aggregation."""
        return self._bare and self._layout.results[0][1] is None

    def shown(self, row: Any) -> list[Any]:
        """The results of one row."""
        cells = (row,) if self._bare else row
        return [
            cells[places[0]] if show is None else show(*[cells[place] for place in places])
            for places, show in self._layout.results
        ]

    def results(self, news: Sequence[Mapping[Any, Any]]) -> list[Iterable[Any]]:
        """A column for each aggregation, from the cells of the same keys."""
        return [
            news[places[0]].values()
            if show is None
            else list(map(show, *(news[place].values() for place in places)))
            for places, show in self._layout.results
        ]
