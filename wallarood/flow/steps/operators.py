"""Operators, which go from batch to batch, and what they have in common.

A list of results stands beside the records that gave them. Whether some of them are nothing, which
means that keys must be sifted too, is asked of the set of their types.
"""

from collections.abc import Callable
from types import NoneType
from typing import Any, Final, Protocol

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, FunctionShape


class Operator(Protocol):
    """A step that works on the event loop or in a thread."""

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        """What follows from *batch*, which is of input number *side* of the step.

        What an `on_error` lets pass is added to *failures*. Raises ComputationFailed: a policy is
        to stop.
        """


@attrs.frozen
class Plain:
    """The operator that a *function* makes which knows nothing of inputs and time."""

    function: Callable[[Batch, list[Failure]], Batch]

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """See `Operator.on_batch`."""
        return self.function(batch, failures)


class _Dropped:
    """The type of `DROPPED`."""


DROPPED: Final = _Dropped()
"""In the place of a result: the computation raised, and its policy let the others pass."""
_ABSENT: Final = frozenset({NoneType, _Dropped})


def call_each(
    computation: Computation,
    function: Callable[..., Any],
    records: list[Any],
    *,
    failures: list[Failure],
) -> list[Any]:
    """Call *function* with each record; the result of one that raised is DROPPED.

    What is in the list when it raises are the results before, so the record at fault is known.
    """
    results: list[Any] = []
    waiting = iter(records)
    while True:
        try:
            results.extend(map(function, waiting))
            if len(results) < len(records):
                raise StopIteration  # it ended the loop, which is in C
            return results
        except BaseException as error:
            fail(computation, records[len(results)], error, failures=failures)
        results.append(DROPPED)


def answer_each(
    computation: Computation, records: list[Any], *, failures: list[Failure]
) -> list[Any]:
    """Whether the predicate holds for each record; DROPPED where it raised.

    An answer that has no truth value fails its record, as if the predicate had raised.
    """
    answers = call_each(computation, computation.function, records, failures=failures)
    if set(map(type, answers)) <= {bool}:
        return answers
    for index, answer in enumerate(answers):
        if answer is not DROPPED:
            try:
                answers[index] = bool(answer)
            except BaseException as error:
                fail(computation, records[index], error, failures=failures)
                answers[index] = DROPPED
    return answers


def settled(shape: FunctionShape, result: Any) -> Any:
    """*result* with all that user code may still do in it done: iterables drawn, truth asked.

    Raises whatever that raises, so that it can count as the computation's own failure.
    """
    if shape is FunctionShape.MANY:
        return None if result is None else list(result)
    return bool(result) if shape is FunctionShape.PREDICATE else result


def gather(shape: FunctionShape, batch: Batch, results: list[Any]) -> Batch:
    """The batch that follows from the results for each record of *batch*, once `settled`."""
    match shape:
        case FunctionShape.ONE:
            return _present(batch, results)
        case FunctionShape.MANY:
            return batch.spread([r if isinstance(r, list) else () for r in results])
        case FunctionShape.PREDICATE:
            return batch.sift([r is not DROPPED and bool(r) for r in results])
        case FunctionShape.INSPECT:
            return batch.sift([r is not DROPPED for r in results])
        case _:
            raise ValueError("the results do not stand beside the records")


def _present(batch: Batch, results: list[Any]) -> Batch:
    if _ABSENT.isdisjoint(map(type, results)):
        return batch.replace(results)
    return batch.sift([r is not None and r is not DROPPED for r in results], results)


def whole(computation: Computation) -> Operator:
    """The operator of a computation over a list of records."""

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if not batch.values:
            return Batch([])
        try:
            # A list of its own, for other consumers of the stream hold the same batch.
            return Batch(list(computation.function(list(batch.values))))
        except BaseException as error:
            fail(computation, batch.values, error, failures=failures)
            return Batch([])

    return Plain(run)


def _without_keys(batch: Batch, _failures: list[Failure]) -> Batch:
    return batch.rekey(None)


COLLECT: Final = Plain(_without_keys)
"""The operator that takes the keys away."""
