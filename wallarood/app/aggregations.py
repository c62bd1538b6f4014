"""Built-in aggregations, for `Stream.aggregate`: count, sum, min, max and mean of each key.

Those that would hide a function of Python have another name here; `wallarood` exports them as
`sum`, `min` and `max`, to be written ``w.sum(…)``.
"""

import inspect
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypedDict, TypeVar, overload

from wallarood.app.functions.declared import PARTITIONS, Declared, OnError
from wallarood.app.functions.declaring import check_known, check_options, inline
from wallarood.app.hints import can_flow, function_hints, show
from wallarood.app.mistakes import check_name, mistake
from wallarood.model.aggregation import Aggregation, AggregationKind, row
from wallarood.model.pipeline import FunctionShape

Of = Callable[[Any], Any]
A = TypeVar("A")
T = TypeVar("T")

_NEED_NUMBERS = (
    AggregationKind.SUM,
    AggregationKind.MEAN,
    AggregationKind.VARIANCE,
    AggregationKind.STDDEV,
    AggregationKind.QUANTILE,
)


class AggregateOptions(TypedDict, total=False):
    """What `Stream.aggregate` may be told."""

    name: str
    on_error: OnError
    partitions: int
    corrections: bool


def count() -> Aggregation[object, int]:
    """How many records a key has had: an int.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> counts = words.key_by(str).aggregate(w.count())
    """
    return Aggregation(AggregationKind.COUNT)


@overload
def total(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def total(of: None = None) -> Aggregation[A, A]: ...
def total(of: Of | None = None) -> Aggregation[Any, Any]:
    """The sum of a number over the records of a key, added in their order.

    *of* gives the number of a record: an int of any size, a float, a Decimal or a Fraction;
    without it the record is the number. Anything else, None too, fails the record. A function
    that is written in C, such as ``operator.itemgetter(1)``, is the fastest.

    Raises PipelineError: *of* is not a function, or awaits.

    >>> import wallarood as w
    >>> from operator import itemgetter
    >>> payments = w.source("payments", w.ListSource([("ada", 5)], record=tuple[str, int]))
    >>> totals = payments.key_by(itemgetter(0)).aggregate(w.sum(of=itemgetter(1)))
    """
    return aggregation_of(AggregationKind.SUM, of)


@overload
def minimum(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def minimum(of: None = None) -> Aggregation[A, A]: ...
def minimum(of: Of | None = None) -> Aggregation[Any, Any]:
    """The least value of the records of a key, the first of equal ones.

    *of* gives the value of a record, anything that has an order and can be stored; without it the
    record is the value. None and NaN fail the record, and so does what cannot be compared.

    Raises PipelineError: *of* is not a function, or awaits.

    >>> import wallarood as w
    >>> numbers = w.source("numbers", w.ListSource([3, 1, 2], record=int))
    >>> least = numbers.key_by(lambda number: number % 2 == 0).aggregate(w.min(), w.max())
    """
    return aggregation_of(AggregationKind.MIN, of)


@overload
def maximum(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def maximum(of: None = None) -> Aggregation[A, A]: ...
def maximum(of: Of | None = None) -> Aggregation[Any, Any]:
    """The greatest value of the records of a key, the first of equal ones; else as `min`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> longest = words.key_by(lambda word: word[0]).aggregate(w.max(of=len))
    """
    return aggregation_of(AggregationKind.MAX, of)


@overload
def mean(of: Callable[[T], int | float]) -> Aggregation[T, float]: ...
@overload
def mean(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def mean(of: None = None) -> Aggregation[Any, Any]: ...
def mean(of: Of | None = None) -> Aggregation[Any, Any]:
    """The mean of a number over the records of a key: their sum, as of `sum`, by their count.

    It is a float for ints and floats. The mean of ints that are too large for a float fails.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> lengths = words.key_by(lambda word: word[0]).aggregate(w.count(), w.mean(of=len))
    """
    return aggregation_of(AggregationKind.MEAN, of)


def aggregation_of(kind: AggregationKind, of: Of | None) -> Aggregation:
    """An aggregation of what *of* gives. Raises PipelineError: it is no function, or awaits."""
    if of is not None:
        if isinstance(of, Aggregation) or not callable(of):
            raise mistake(f"{kind.value}: expected a function from a record, found {of!r:.100}")
        if not inline(of):
            raise mistake(f"{kind.value}: expected a function that neither awaits nor yields")
    return Aggregation(kind, of)


def declare_aggregate(
    aggregations: tuple[Any, ...],
    into: Callable[..., Any] | None,
    *,
    record: Any,
    options: AggregateOptions,
) -> Declared[..., Any]:
    """Check what `Stream.aggregate` was told about records of type *record*.

    Raises PipelineError: something is wrong.
    """
    check_known(options, AggregateOptions)
    check_aggregations(aggregations, record)
    name = options.get("name", "")
    if name != "":
        check_name("step", name)
    declared = Declared(
        row if into is None else into,
        FunctionShape.AGGREGATE,
        name or "-".join(each.kind.value for each in aggregations),
        on_error=options.get("on_error", "stop"),
        state=tuple,
        partitions=options.get("partitions", PARTITIONS),
        aggregations=aggregations,
    )
    check_options(declared)
    if into is not None:
        _check_into(into, len(aggregations))
    return declared


def check_aggregations(aggregations: tuple[Any, ...], record: Any) -> None:
    """Raises PipelineError: there is none, or one that cannot be of records of type *record*."""
    if not aggregations:
        raise mistake("aggregate: expected at least one aggregation, such as w.count()")
    for each in aggregations:
        if not isinstance(each, Aggregation):
            raise mistake(
                f"aggregate: expected aggregations, such as w.count(), found {each!r:.100}"
            )
        _check_types(each, record)


def _check_types(aggregation: Aggregation, record: Any) -> None:
    """Raises PipelineError: `of` does not take the record, or its value cannot be added."""
    kind, value = aggregation.kind, record
    if aggregation.of is not None:
        before, value = function_hints(aggregation.of)
        if not can_flow(record, before):
            raise mistake(
                f"{kind.value} is of {show(before)}, but the stream carries {show(record)}"
            )
    if kind in _NEED_NUMBERS and not can_flow(value, int | float | Decimal | Fraction):
        raise mistake(f"{kind.value} needs a number, found {show(value)}: set of=")


def _check_into(into: Any, results: int) -> None:
    if not callable(into) or not inline(into):
        raise mistake(f"into={into!r:.100}: expected a function that neither awaits nor yields")
    try:
        signature = inspect.signature(into)
    except (TypeError, ValueError):
        return
    try:
        signature.bind("key", *range(results))
    except TypeError as error:
        raise mistake(f"into cannot be called with a key and {results} results: {error}") from error


def aggregate_record(declared: Declared[..., Any], *, key: Any, record: Any) -> Any:
    """The type of what an aggregation emits for keys of type *key*."""
    if declared.function is not row:
        return function_hints(declared.function)[1]
    results = [aggregation_result(each, record) for each in declared.aggregations]
    return types.GenericAlias(tuple, (key, *results))


def aggregation_result(aggregation: Aggregation, record: Any) -> Any:
    """The type of the result of an aggregation of records of type *record*."""
    value = record if aggregation.of is None else function_hints(aggregation.of)[1]
    match aggregation.kind:
        case AggregationKind.COUNT | AggregationKind.DISTINCT_COUNT:
            return int
        case AggregationKind.VARIANCE | AggregationKind.STDDEV | AggregationKind.QUANTILE:
            return float
        case AggregationKind.TOP | AggregationKind.COLLECT:
            return types.GenericAlias(list, (value,))
        case AggregationKind.SUM:
            return {bool: int, int: int, float: float}.get(value, Any)
        case AggregationKind.MEAN:
            return float if value in (bool, int, float) else Any
        case _:
            return value
