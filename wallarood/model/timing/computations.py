"""What a computation with timers or with expiry was told; all spans in microseconds."""

from collections.abc import Callable
from typing import Any

import attrs

from wallarood.model.pipeline import ErrorPolicy


@attrs.frozen
class TimedSpec:
    """A timed state computation.

    `ttl` is after which time without a record a key is forgotten, None for never. `stamped`: the
    records carry times, so `ttl` counts event time, else wall time. `timer_with_key` and
    `expiry_with_key`: these functions get the key too, as ``key=key``.
    """

    stamped: bool
    on_timer: Callable[..., Any] | None = None
    ttl: int | None = None
    on_expire: Callable[..., Any] | None = None
    in_order: bool = False
    timer_with_key: bool = False
    expiry_with_key: bool = False

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return "timed, in order" if self.in_order else "timed"


@attrs.frozen
class DistinctSpec:
    """A step that lets the first record of each key pass within a span of time."""

    stamped: bool
    within: int
    on_late: ErrorPolicy = ErrorPolicy.SKIP

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return f"distinct within {self.within} µs"
