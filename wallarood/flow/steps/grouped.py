"""Batch computations with state: all records of a key in a batch are passed in one call."""

from typing import Any

from wallarood.flow.failures import Failure, fail
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.at_once import SharedObject
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.operators import Operator, Plain
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation


def together(computation: Computation, state: SharedObject) -> Operator:
    """The operator of a batch computation with one state for all records."""

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if not batch.values:
            return Batch([])
        try:
            return Batch(list(computation.function(list(batch.values), state.value)))
        except BaseException as error:
            fail(computation, batch.values, error, failures=failures)
            return Batch([])

    return Plain(run)


def by_key(computation: Computation, state: KeyedState) -> Operator:
    """The operator of a batch computation with a state for each key; results have its key."""

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        held = canonical_all(batch)
        groups: dict[Any, tuple[Any, list[Any]]] = {}
        for name, key, record in zip(held, batch.keys or (), batch.values, strict=True):
            if name in groups:
                groups[name][1].append(record)
            else:
                groups[name] = (key, [record])
        state.touch(groups)
        done = Batch([], keys := [])
        for name, (key, records) in groups.items():
            try:
                named = {"key": key} if computation.with_key else {}
                results = list(computation.function(records, state.of(name), **named))
            except BaseException as error:
                fail(computation, records, error, failures=failures)
                continue
            done.values += results
            keys += [key] * len(results)
        return done

    return Plain(run)
