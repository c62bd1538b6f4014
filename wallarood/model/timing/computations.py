"""What a computation with timers or with expiry was told; all spans in microseconds."""

from collections.abc import Callable
from typing import Any

import attrs

from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.spans import show_span


@attrs.frozen
class TimedSpec:
    """A timed state computation.

    `ttl` is after which time without a record a key is forgotten, None for never. `stamped`: the
    records carry times, so `ttl` counts event time, else wall time. `timer_with_key` and
    `expiry_with_key`: these functions get the key too, as ``key=key``. `endless`: the application
    says that keys are never forgotten.
    """

    stamped: bool
    on_timer: Callable[..., Any] | None = None
    ttl: int | None = None
    on_expire: Callable[..., Any] | None = None
    in_order: bool = False
    timer_with_key: bool = False
    endless: bool = False
    expiry_with_key: bool = False

    @property
    def fingerprint(self) -> str:
        """What lays out the state."""
        return "timed, in order" if self.in_order else "timed"

    @property
    def keeps(self) -> str:
        """What is kept, and until when."""
        waiting = "; records until the watermark has passed them" if self.in_order else ""
        if self.ttl is None:
            return f"state and timers of each key, forever{waiting}"
        clock = "" if self.stamped else " by the clock of the worker"
        return (
            f"state and timers of each key, until {show_span(self.ttl)} after its last record"
            f"{clock}{waiting}"
        )


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

    @property
    def keeps(self) -> str:
        """What is kept, and until when."""
        clock = "" if self.stamped else " by the clock of the worker"
        return f"when a record of each key passed, until {show_span(self.within)} later{clock}"
