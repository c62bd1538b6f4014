"""What each kind of computation does to a batch: one function from columns to columns.

The user's function is called by `list.extend(map(f, records))`, the cheapest loop there is. When
it raises, the list holds the results so far, so the record at fault is known, its policy is
applied, and the same iterator goes on behind it: no record is passed to user code twice. Whether a
batch has results that need more than that, such as None, is asked of the set of their types.
"""

from collections.abc import Callable, Iterable
from itertools import chain, compress, repeat
from types import NoneType
from typing import Any, Final, TypeAlias

from wallarood.flow.failures import Failure, fail
from wallarood.flow.keys import canonical_all
from wallarood.flow.state import KeyedState, SingleState
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, Shape

Operator: TypeAlias = Callable[[Batch, list[Failure]], Batch]


class _Dropped:
    """The type of `DROPPED`."""


DROPPED: Final = _Dropped()
"""In the place of a result: the computation raised, and its policy let the others go on."""
_ABSENT: Final = frozenset({NoneType, _Dropped})


def call_each(
    computation: Computation,
    function: Callable[..., Any],
    records: list[Any],
    *more: Iterable[Any],
    failures: list[Failure],
) -> list[Any]:
    """Call *function* with each record, and what stands beside it in the columns *more*.

    The result of one that raised is DROPPED; what drawing from *more* raises counts as that.
    """
    results: list[Any] = []
    waiting = [iter(column) for column in (records, *more)]
    while True:
        try:
            results.extend(map(function, *waiting))
        except Exception as error:
            fail(computation, records[len(results)], error, failures=failures)
        else:
            if len(results) == len(records):
                return results
            stopped = RuntimeError("the function raised StopIteration")
            fail(computation, records[len(results)], stopped, failures=failures)
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
            except Exception as error:
                fail(computation, records[index], error, failures=failures)
                answers[index] = DROPPED
    return answers


def settled(shape: Shape, result: Any) -> Any:
    """*result* with all that user code may still do in it done: iterables drawn, truth asked.

    Raises whatever that raises, so that it can count as the computation's own failure.
    """
    if shape is Shape.MANY:
        return None if result is None else list(result)
    return bool(result) if shape is Shape.PREDICATE else result


def kept(batch: Batch, values: list[Any], flags: Iterable[Any]) -> Batch:
    """*values*, which stand beside the records of *batch*, where *flags* are true."""
    flags = list(flags)
    keys = None if batch.keys is None else list(compress(batch.keys, flags))
    return Batch(list(compress(values, flags)), keys)


def gather(shape: Shape, batch: Batch, results: list[Any]) -> Batch:
    """The batch that follows from what a function returned for each record of *batch*."""
    match shape:
        case Shape.ONE:
            return _present(batch, results)
        case Shape.MANY:
            return _flattened(batch, results)
        case Shape.PREDICATE:
            return kept(batch, batch.values, [r is not DROPPED and bool(r) for r in results])
        case Shape.INSPECT:
            return kept(batch, batch.values, [r is not DROPPED for r in results])
        case Shape.BATCH | Shape.ARROW | Shape.AGGREGATE:
            raise ValueError("the results do not stand beside the records")


def _present(batch: Batch, results: list[Any]) -> Batch:
    if _ABSENT.isdisjoint(map(type, results)):
        return Batch(results, batch.keys)
    return kept(batch, results, [r is not None and r is not DROPPED for r in results])


def _flattened(batch: Batch, results: list[Any]) -> Batch:
    lists = results
    if set(map(type, results)) != {list}:
        lists = [
            each if type(each) is list else () if each is None or each is DROPPED else list(each)
            for each in results
        ]
    values = list(chain.from_iterable(lists))
    if batch.keys is None:
        return Batch(values)
    keys = list(chain.from_iterable(map(repeat, batch.keys, map(len, lists))))
    return Batch(values, keys)


def simple(computation: Computation) -> Operator:
    """The operator of a computation without state."""
    function, shape = computation.function, computation.shape
    if shape is Shape.BATCH:
        return _whole(computation)

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if shape is Shape.PREDICATE:
            answers = answer_each(computation, batch.values, failures=failures)
            return gather(shape, batch, answers)
        results = call_each(computation, function, batch.values, failures=failures)
        if shape is Shape.MANY:
            results = _lists(computation, batch.values, results, failures=failures)
        return gather(shape, batch, results)

    return run


def _lists(
    computation: Computation, records: list[Any], results: list[Any], *, failures: list[Failure]
) -> list[Any]:
    """*results* with every iterable that is not a list drained into one: generators raise late."""
    if set(map(type, results)) <= {list}:
        return results
    lists = []
    for record, each in zip(records, results, strict=True):
        try:
            lists.append(each if each is None or each is DROPPED else list(each))
        except Exception as error:
            fail(computation, record, error, failures=failures)
            lists.append(DROPPED)
    return lists


def _whole(computation: Computation) -> Operator:
    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if not batch.values:
            return Batch([])
        try:
            # A list of its own, for other consumers of the stream hold the same batch.
            return Batch(list(computation.function(list(batch.values))))
        except Exception as error:
            fail(computation, batch.values, error, failures=failures)
            return Batch([])

    return run


def key_by(computation: Computation) -> Operator:
    """The operator that sets the key of each record."""

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        before = len(failures)
        keys = call_each(computation, computation.function, batch.values, failures=failures)
        keyed = Batch(batch.values, keys)
        if len(failures) == before:
            return keyed
        return kept(keyed, keyed.values, [key is not DROPPED for key in keys])

    return run


def collect(batch: Batch, _failures: list[Failure]) -> Batch:
    """The operator that takes the keys away."""
    return Batch(batch.values)


def _with_state(computation: Computation) -> Callable[[Any, Any], Any]:
    """The function of *computation*; many results are drawn before the state changes again."""
    function = computation.function
    if computation.shape is not Shape.MANY:
        return function

    def drawn(record: Any, state: Any) -> list[Any] | None:
        results = function(record, state)
        return None if results is None else list(results)

    return drawn


def stateful(computation: Computation, state: SingleState) -> Operator:
    """The operator of a computation with one state for all records."""

    function = _with_state(computation)

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        states = repeat(state.value)
        results = call_each(computation, function, batch.values, states, failures=failures)
        return gather(computation.shape, batch, results)

    return run


def partitioned(computation: Computation, state: KeyedState) -> Operator:
    """The operator of a computation with a state for each key."""
    function, state_of = _with_state(computation), state.by_key.__getitem__

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if batch.keys is None:
            raise ValueError("a batch without keys at a partitioned computation")
        held = canonical_all(batch.keys)
        state.touch(held)
        states = map(state_of, held)
        results = call_each(computation, function, batch.values, states, failures=failures)
        return gather(computation.shape, batch, results)

    return run
