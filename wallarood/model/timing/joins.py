"""How two streams are joined; all spans in microseconds."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs

from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.spans import show_span


class How(Enum):
    """Which records without a partner a join gives, with None in the partner's place."""

    INNER = "inner"
    LEFT = "left"
    RIGHT = "right"
    OUTER = "outer"


@attrs.frozen
class IntervalSpec:
    """A record of the left meets those of the right from `lo` before or after its time to `hi`."""

    lo: int
    hi: int
    how: How = How.INNER
    grace: int = 0
    on_late: ErrorPolicy = ErrorPolicy.SKIP

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return f"{self.how.value} join within {self.lo} to {self.hi} µs"

    @property
    def keeps(self) -> str:
        """What is kept, and until when."""
        left, right = (show_span(max(far, 0) + self.grace) for far in (self.hi, -self.lo))
        return f"records until the watermark is above their time + {left} (left), + {right} (right)"


@attrs.frozen
class AsOfSpec:
    """A record of the left meets the last of the right that is not later, nor older by `within`.

    `within` is None where none is too old.
    """

    within: int | None
    on_late: ErrorPolicy = ErrorPolicy.SKIP

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return f"as-of join within {self.within} µs" if self.within is not None else "as-of join"

    @property
    def keeps(self) -> str:
        """What is kept, and until when."""
        end = "forever" if self.within is None else f"for {show_span(self.within)}"
        return (
            f"records of the left until the watermark has passed them, the last of the right of "
            f"each key {end}"
        )


@attrs.frozen
class EnrichSpec:
    """A record meets the row of a table that has its key.

    `ttl` is how long a row is kept, None without end; `deleted` says which records of the table
    delete their row. `at_event`: a record waits for the table as it was at its time. `inner`: a
    record without a row is dropped.
    """

    stamped: bool
    ttl: int | None
    deleted: Callable[[Any], Any] | None = None
    at_event: bool = False
    inner: bool = False
    on_late: ErrorPolicy = ErrorPolicy.SKIP

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return f"enriched as of {'event' if self.at_event else 'latest'}"

    @property
    def keeps(self) -> str:
        """What is kept, and until when."""
        clock = "" if self.stamped else " by the clock of the worker"
        end = "forever" if self.ttl is None else f"until {show_span(self.ttl)} after it{clock}"
        waiting = "; records until the watermark has passed them" if self.at_event else ""
        return f"the newest record of the table of each key, {end}{waiting}"
