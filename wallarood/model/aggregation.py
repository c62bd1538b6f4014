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


T_contra = typing_extensions.TypeVar("T_contra", contravariant=True, default=Any)
A_co = typing_extensions.TypeVar("A_co", covariant=True, default=Any)


@attrs.frozen
class Aggregation(Generic[T_contra, A_co]):
    """One aggregation of records of type T with a result of type A; made by `count`, `sum`, ….

    `of` gives the value of a record; None where the record itself is the value, or for a count.
    """

    kind: AggregationKind
    of: Callable[[Any], Any] | None = None


def row(key: Any, *results: Any) -> tuple[Any, ...]:
    """What is emitted for a key unless the application says otherwise."""
    return (key, *results)
