"""Built-in aggregations: a batch is added to the state of its keys by loops that run in C."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from wallarood.flow.failures import Failure, pass_on
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.aggregates.cells import Keyed
from wallarood.flow.steps.aggregates.tally import Tally
from wallarood.flow.steps.operators import call_each, gather
from wallarood.model.aggregation import row
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape

_Results: TypeAlias = tuple[list[Any], Sequence[Iterable[Any]]]
"""Keys, and a column for each aggregation."""


class Aggregator:
    """The operator of the aggregations of *computation* on *state*."""

    def __init__(self, computation: Computation, state: KeyedState) -> None:
        self._computation = computation
        self._state = state
        self._tally = Tally(computation)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """One record for each key of *batch*, in the order in which keys first occur."""
        if batch.keys is None:
            raise ValueError("a batch without keys at an aggregation")
        batch, columns = self._tally.columns(batch, failures)
        keys = batch.keys
        if not keys:
            return Batch([], [])
        held = canonical_all(batch)
        keyed = self._tally.keyed(held, columns, batch.times)
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

    def _quickly(self, keyed: Keyed) -> _Results | None:
        """Add the whole batch; None, or an exception, if that must be done record by record."""
        done = self._tally.advance(self._state.by_key, keyed)
        if done is None:
            return None
        rows, news = done
        results = self._tally.results(news)
        self._state.put(rows)
        return list(rows), results

    def _carefully(self, keyed: Keyed, records: list[Any], failures: list[Failure]) -> _Results:
        """Add record by record, without those whose values do not fit."""
        seen: dict[Any, list[Any]] = {}
        by_key = self._state.by_key
        for key, new in self._tally.carefully(by_key, keyed, records, failures=failures):
            self._state.put({key: new})
            seen[key] = self._tally.shown(new)
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
        return gather(FunctionShape.ONE, rows, records)
