"""Statistics: medians, percentiles and ratios of what was measured."""

import math
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle of the values. Raises ValueError: there are none."""
    if not values:
        raise ValueError("no value")
    return float(statistics.median(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of runs that stood next to each other.

    The machine drifts by a third within minutes; neighbours in time share its mood.
    """
    return median([one / other for one, other in zip(ours, theirs, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least *share* (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no value")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def shown(rate: float) -> str:
    """A rate a second for a table."""
    return f"{rate / 1000:,.0f} k" if rate >= 10_000 else f"{rate:,.0f}"
