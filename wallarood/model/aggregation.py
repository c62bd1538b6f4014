"""Built-in aggregations: what is kept for each key, and of which value of a record."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic

import attrs
import typing_extensions


class AggregationKind(Enum):
    """What an aggregation says about the records of a key."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    FIRST = "first"
    LAST = "last"
    VARIANCE = "variance"
    STDDEV = "stddev"
    TOP = "top"
    COLLECT = "collect"
    DISTINCT_COUNT = "distinct-count"
    QUANTILE = "quantile"


T_contra = typing_extensions.TypeVar("T_contra", contravariant=True, default=Any)
A_co = typing_extensions.TypeVar("A_co", covariant=True, default=Any)


@attrs.frozen
class Aggregation(Generic[T_contra, A_co]):
    """One aggregation of records of type T with a result of type A; made by `count`, `sum`, ….

    `of` gives the value of a record; None where the record itself is the value, or for a count.
    `by` gives the rank of a TOP, of which there are `most`; that is also how many values others
    may keep. `share` is that of a QUANTILE.
    """

    kind: AggregationKind
    of: Callable[[Any], Any] | None = None
    by: Callable[[Any], Any] | None = None
    most: int = 0
    share: float = 0.5


def row(key: Any, *results: Any) -> tuple[Any, ...]:
    """What is emitted for a key unless the application says otherwise."""
    return (key, *results)
