"""What is made of the records of a window: rows of keys, by aggregations, a fold or a list."""
# Theory of operation
# ===================
# Which records are in which window, and who keeps the rows, is not known here. Rows of aggregations
# are values. An accumulator of a fold, and a list, is changed in place: what keeps it tells a
# capture before, and what is handed out while the row is kept is a copy.

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.steps.aggregates.tally import Tally
from wallarood.flow.windows.part import Part
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation
from wallarood.model.timing.windows import Gathers, WindowKind, WindowSpec

_UNCHANGING: Final = frozenset({int, float, bool, str, bytes, frozenset})
Stepping: TypeAlias = Callable[[Any, int], Any]
"""From a row and the place of a record to the next row."""


class Gathering(Protocol):
    """How the rows of keys come about."""

    @property
    def in_place(self) -> bool:
        """Whether rows are changed and not replaced."""

    def columns(self, batch: Batch, failures: list[Failure]) -> tuple[Batch, Sequence[list[Any]]]:
        """What is looked at of the records, and the records that have it all."""

    def add(self, rows: dict[Any, Any], part: Part, failures: list[Failure]) -> Iterable[Any]:
        """Put the rows of the keys of *part* after its records into *rows*; these keys."""

    def one(self, row: Any, part: Part, place: int) -> Any:
        """The row after the record at *place*; *row* is None before the first. Raises if it fails.

        A new row if rows are values, else the same, changed.
        """

    def merge(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """Rows of each of *keys*, which some of *panes* have, the earlier first; these stay."""

    def merge_two(self, first: Any, second: Any) -> Any:
        """The row of the records of *first* and, after them, of *second*; both stay as they are."""

    def stepping(self, part: Part) -> Stepping:
        """What is the row after the record of *part* at a place, see `one`."""

    def value(self, row: Any) -> Any:
        """What a result says of a row."""

    def values(self, rows: list[Any]) -> list[Any]:
        """`value` of each. Raises if it fails for one of them."""


def gathering_of(computation: Computation) -> Gathering:
    """How the records of *computation* are gathered."""
    spec: WindowSpec = computation.spec
    match spec.gathers:
        case Gathers.AGGREGATE:
            return Aggregates(computation)
        case Gathers.FOLD:
            return Folds(computation)
        case Gathers.COLLECT:
            return Collects()


class Aggregates:
    """Rows of cells."""

    in_place = False

    def __init__(self, computation: Computation) -> None:
        self._computation = computation
        self._tally = tally = Tally(computation)
        self.columns = tally.columns
        self._single = len(computation.aggregations) == 1
        self._direct = tally.direct

    def add(self, rows: dict[Any, Any], part: Part, failures: list[Failure]) -> Iterable[Any]:
        """See `Gathering.add`."""
        done_of = self._tally.straight(rows, part.held, part.columns)
        if done_of == len(part):
            return part.held
        if done_of:
            rest = part.pick(list(range(done_of, len(part))))
            return [*part.held[:done_of], *self.add(rows, rest, failures)]
        keyed = self._tally.keyed(part.held, part.columns, part.times)
        try:
            done = self._tally.advance(rows, keyed)
        except BaseException as error:  # the careful way finds out what it is about
            pass_on(error)
            done = None
        if done is not None:
            rows.update(done[0])
            return done[0]
        seen: dict[Any, None] = {}
        for key, row in self._tally.carefully(rows, keyed, part.values, failures=failures):
            rows[key] = row
            seen[key] = None
        return seen

    def one(self, row: Any, part: Part, place: int) -> Any:
        """See `Gathering.one`."""
        values = [column[place] for column in part.columns]
        time = 0 if part.times is None else part.times[place]
        return self._tally.step(self._tally.empty if row is None else row, values, time)

    def merge(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """See `Gathering.merge`."""
        return self._tally.merge(keys, panes)

    def merge_two(self, first: Any, second: Any) -> Any:
        """See `Gathering.merge_two`."""
        return self._tally.merge([0], ({0: first}, {0: second}))[0]

    def stepping(self, part: Part) -> Stepping:
        """See `Gathering.stepping`."""
        written = self._tally.stepping(part.columns)
        return written or (lambda row, place: self.one(row, part, place))

    def value(self, row: Any) -> Any:
        """See `Gathering.value`."""
        if self._direct:
            return row
        results = self._tally.shown(row)
        return results[0] if self._single else tuple(results)

    def values(self, rows: list[Any]) -> list[Any]:
        """See `Gathering.values`."""
        return rows if self._direct else [self.value(row) for row in rows]


class Folds:
    """Accumulators that a function of the application brings forward."""

    in_place = True

    def __init__(self, computation: Computation) -> None:
        spec: WindowSpec = computation.spec
        assert spec.make is not None
        assert spec.step is not None
        self._computation = computation
        self._make, self._step, self._merge = spec.make, spec.step, spec.merge
        self._kept = spec.corrects or spec.windows.kind is WindowKind.ROLLING

    def columns(self, batch: Batch, failures: list[Failure]) -> tuple[Batch, Sequence[list[Any]]]:  # noqa: ARG002
        """See `Gathering.columns`: a fold looks at the record itself."""
        return batch, ()

    def add(self, rows: dict[Any, Any], part: Part, failures: list[Failure]) -> Iterable[Any]:
        """See `Gathering.add`."""
        make, step, get = self._make, self._step, rows.get
        waiting = zip(part.held, part.values, strict=True)
        record: Any = None
        whole = True
        while True:
            try:
                for key, record in waiting:
                    total = get(key)
                    if total is None:
                        total = _made(make())
                    total = step(total, record)
                    if total is None:
                        _made(None)
                    rows[key] = total
                break
            except BaseException as error:
                fail(self._computation, record, error, failures=failures)
                whole = False
        return part.held if whole else [key for key in part.held if key in rows]

    def one(self, row: Any, part: Part, place: int) -> Any:
        """See `Gathering.one`."""
        return _made(self._step(_made(self._make()) if row is None else row, part.values[place]))

    def merge(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """See `Gathering.merge`. Into a new one, which alone *merge* may change."""
        done = {}
        for key in keys:
            rows = [row for pane in panes if (row := pane.get(key)) is not None]
            done[key] = self._merged(rows)
        return done

    def _merged(self, rows: Iterable[Any]) -> Any:
        assert self._merge is not None
        total = _made(self._make())
        for row in rows:
            total = _made(self._merge(total, row))
        return total

    def merge_two(self, first: Any, second: Any) -> Any:
        """See `Gathering.merge_two`."""
        return self._merged((first, second))

    def stepping(self, part: Part) -> Stepping:
        """See `Gathering.stepping`."""
        return lambda row, place: self.one(row, part, place)

    def value(self, row: Any) -> Any:
        """See `Gathering.value`. A copy, if *row* may be changed later."""
        if self._kept and type(row) not in _UNCHANGING:
            return copy.deepcopy(row)
        return row

    def values(self, rows: list[Any]) -> list[Any]:
        """See `Gathering.values`."""
        return [self.value(row) for row in rows] if self._kept else rows


def _made(total: Any) -> Any:
    if total is None:
        raise TypeError("a fold returned None: expected the accumulator; is a return missing?")
    return total


class Collects:
    """Lists of records."""

    in_place = True

    def columns(self, batch: Batch, failures: list[Failure]) -> tuple[Batch, Sequence[list[Any]]]:  # noqa: ARG002
        """See `Gathering.columns`."""
        return batch, ()

    def add(self, rows: dict[Any, Any], part: Part, failures: list[Failure]) -> Iterable[Any]:  # noqa: ARG002
        """See `Gathering.add`."""
        for key, record in zip(part.held, part.values, strict=True):
            if key in rows:
                rows[key].append(record)
            else:
                rows[key] = [record]
        return part.held

    def one(self, row: Any, part: Part, place: int) -> Any:
        """See `Gathering.one`."""
        if row is None:
            return [part.values[place]]
        row.append(part.values[place])
        return row

    def merge(self, keys: list[Any], panes: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
        """See `Gathering.merge`."""
        return {key: [each for pane in panes for each in pane.get(key, ())] for key in keys}

    def merge_two(self, first: Any, second: Any) -> Any:
        """See `Gathering.merge_two`."""
        return first + second

    def stepping(self, part: Part) -> Stepping:
        """See `Gathering.stepping`."""
        return lambda row, place: self.one(row, part, place)

    def value(self, row: Any) -> Any:
        """See `Gathering.value`."""
        return list(row)

    def values(self, rows: list[Any]) -> list[Any]:
        """See `Gathering.values`."""
        return list(map(list, rows))
