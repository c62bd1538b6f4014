"""Built-in aggregations: what is kept for each key, and of which value of a record."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs


class AggregationKind(Enum):
    """What an aggregation says about the records of a key."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"


@attrs.frozen
class Aggregation:
    """One aggregation; made by `count`, `sum`, `min`, `max` and `mean`.

    `of` gives the value of a record; None where the record itself is the value, or for a count.
    """

    kind: AggregationKind
    of: Callable[[Any], Any] | None = None


def row(key: Any, *results: Any) -> tuple[Any, ...]:
    """What is emitted for a key unless the application says otherwise."""
    return (key, *results)
