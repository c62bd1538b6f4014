"""More aggregations: first and last, spread, the greatest few, lists, sets and quantiles."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

import attrs

from wallarood.app.aggregations import Of, aggregation_of
from wallarood.app.mistakes import mistake
from wallarood.model.aggregation import Aggregation, AggregationKind

A = TypeVar("A")
T = TypeVar("T")

AT_MOST = 100_000
"""How many values of a key distinct_count and quantile keep unless they are told otherwise."""
TOP_MAX = 10_000


@overload
def first(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def first(of: None = None) -> Aggregation[A, A]: ...
def first(of: Of | None = None) -> Aggregation[Any, Any]:
    """The value of the earliest record of a key: by its stamp if it has one, else by arrival.

    *of* gives the value of a record, without it the record is the value. Of equal stamps the one
    that arrived first counts.

    Raises PipelineError: *of* is not a function, or awaits.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> firsts = words.key_by(lambda word: word[0]).aggregate(w.first(), w.last(of=len))
    """
    return aggregation_of(AggregationKind.FIRST, of)


@overload
def last(of: Callable[[T], A]) -> Aggregation[T, A]: ...
@overload
def last(of: None = None) -> Aggregation[A, A]: ...
def last(of: Of | None = None) -> Aggregation[Any, Any]:
    """The value of the latest record of a key, the last that arrived of equal ones; as `first`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> lasts = words.key_by(lambda word: word[0]).aggregate(w.last())
    """
    return aggregation_of(AggregationKind.LAST, of)


@overload
def variance(of: Callable[[T], int | float]) -> Aggregation[T, float]: ...
@overload
def variance(of: None = None) -> Aggregation[Any, float]: ...
def variance(of: Of | None = None) -> Aggregation[Any, Any]:
    """How far the numbers of a key are from their mean: the mean of the squares, as a float.

    It is that of these very numbers, as `statistics.pvariance`, 0.0 for one. *of* as for `sum`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> spread = words.key_by(lambda word: word[0]).aggregate(w.variance(of=len))
    """
    return aggregation_of(AggregationKind.VARIANCE, of)


@overload
def stddev(of: Callable[[T], int | float]) -> Aggregation[T, float]: ...
@overload
def stddev(of: None = None) -> Aggregation[Any, float]: ...
def stddev(of: Of | None = None) -> Aggregation[Any, Any]:
    """The standard deviation: the square root of `variance`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> spread = words.key_by(lambda word: word[0]).aggregate(w.stddev(of=len))
    """
    return aggregation_of(AggregationKind.STDDEV, of)


@overload
def top(n: int, *, by: Callable[[T], Any], of: Callable[[T], A]) -> Aggregation[T, list[A]]: ...
@overload
def top(n: int, *, by: Callable[[T], Any], of: None = None) -> Aggregation[T, list[T]]: ...
@overload
def top(n: int, *, by: None = None, of: None = None) -> Aggregation[T, list[T]]: ...
@overload
def top(n: int, *, by: None = None, of: Callable[[T], A]) -> Aggregation[T, list[A]]: ...
def top(n: int, *, by: Of | None = None, of: Of | None = None) -> Aggregation[Any, Any]:
    """The values of the *n* records of a key that are the greatest by *by*, the greatest first.

    *by* gives what is compared (default: the record), anything that has an order and can be
    stored; of equal ones the first stays. *of* gives what is listed (default: the record).

    Raises PipelineError: *n* is not from 1 to 10,000, or something is not a function.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
    >>> longest = words.key_by(lambda word: word[0]).aggregate(w.top(3, by=len))
    """
    if type(n) is not int or not 1 <= n <= TOP_MAX:
        raise mistake(f"top: n={n!r:.100}: expected an int from 1 to {TOP_MAX:,}")
    checked = aggregation_of(AggregationKind.TOP, by)
    made = aggregation_of(AggregationKind.TOP, of)
    return attrs.evolve(made, by=checked.of, most=n)


@overload
def collect(of: Callable[[T], A]) -> Aggregation[T, list[A]]: ...
@overload
def collect(of: None = None) -> Aggregation[A, list[A]]: ...
def collect(of: Of | None = None) -> Aggregation[Any, Any]:
    """The list of all values of a key, in the order of the records; for windows.

    All of them are kept in memory, and are in each result: for whole streams see `top`, `last` or
    a state computation.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"], record=str), time=w.ingest_time())
    >>> windows = words.key_by(lambda word: word[0]).window(w.tumbling("1min"))
    >>> lists = windows.aggregate(w.count(), w.collect())
    """
    return aggregation_of(AggregationKind.COLLECT, of)


def distinct_count(
    of: Callable[[T], Any] | None = None, *, at_most: int = AT_MOST
) -> Aggregation[T, int]:
    """How many different values a key has had: exact, for which the values are kept.

    Values are what can be a key: str, bytes, int, bool, tuples and frozen classes of these. One
    more than *at_most* (default 100,000) fails its record.

    Raises PipelineError: *at_most* is not a positive int, or *of* is not a function.

    >>> import wallarood as w
    >>> clicks = w.source("clicks", w.ListSource([("/", "ada")], record=tuple[str, str]))
    >>> visitors = clicks.key_by(lambda click: click[0]).aggregate(
    ...     w.distinct_count(of=lambda click: click[1])
    ... )
    """
    made = aggregation_of(AggregationKind.DISTINCT_COUNT, of)
    return attrs.evolve(made, most=_at_most("distinct_count", at_most))


def quantile(
    share: float, of: Callable[[T], int | float] | None = None, *, at_most: int = AT_MOST
) -> Aggregation[T, float]:
    """The number below which *share* of those of a key lie, as a float: 0.5 for the median.

    It is exact, for which all numbers are kept; between two of them it is interpolated, as by
    `statistics.quantiles` with ``method="inclusive"``. One more than *at_most* (default 100,000)
    fails its record: this is for windows.

    Raises PipelineError: *share* is not from 0 to 1, or another argument is wrong.

    >>> import wallarood as w
    >>> pages = w.source("pages", w.ListSource([("/", 0.2)]), time=w.ingest_time())
    >>> windows = pages.key_by(lambda page: page[0]).window(w.tumbling("1min"))
    >>> slowest = windows.aggregate(w.quantile(0.99, of=lambda page: page[1]))
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise mistake(f"quantile: share={share!r:.100}: expected a number from 0 to 1")
    made = aggregation_of(AggregationKind.QUANTILE, of)
    return attrs.evolve(made, most=_at_most("quantile", at_most), share=float(share))


def _at_most(what: str, most: Any) -> int:
    if type(most) is not int or most < 1:
        raise mistake(f"{what}: at_most={most!r:.100}: expected a positive int")
    return most
