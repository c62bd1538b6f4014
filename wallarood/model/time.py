"""Event time as values: its limits, and what a source says about the stamps of its records."""

from enum import Enum
from typing import Final

import attrs

MIN_TIME: Final = -(1 << 63)
"""Before every stamp: the watermark of whatever has said nothing yet."""
MAX_TIME: Final = (1 << 63) - 1
"""After every stamp: the watermark at the end of a stream."""
SECOND: Final = 1_000_000
"""Stamps and spans are integers, in microseconds; stamps count from 1970 UTC."""


class StampsFrom(Enum):
    """Where the stamp of a record comes from."""

    FUNCTION = "function"
    """A function of the record returns it."""
    SOURCE = "source"
    """The source has it beside the record."""
    CLOCK = "clock"
    """The clock of the worker that reads the record."""


class WhenAllIdle(Enum):
    """What becomes of a watermark when no partition has anything more to read."""

    ADVANCE = "advance"
    """It advances by the time that passes."""
    HOLD = "hold"
    """It stays where it is."""


class Condition(Enum):
    """What a source does with one of its partitions."""

    UNOPENED = "unopened"
    """It has not begun with it."""
    ACTIVE = "active"
    """It reads it, and time is what the records say."""
    IDLE = "idle"
    """There has been nothing to read for long."""
    ENDED = "ended"
    """It has been read to its end."""


@attrs.frozen
class TimeSettings:
    """How the records of a source are stamped, and how its watermark follows. Spans are in µs.

    `unit` is how many µs a number that the function returns counts for, None if it may not return
    one. `idle` is after how long without a record a partition counts as idle, `drift` how far
    ahead of the slowest a partition may read; None is never and without bound. `ordered`:
    partitions follow each other in time, in the order of their names.
    """

    stamps: StampsFrom = StampsFrom.FUNCTION
    unit: int | None = None
    out_of_order: int = 5 * SECOND
    idle: int | None = 60 * SECOND
    when_all_idle: WhenAllIdle = WhenAllIdle.ADVANCE
    future: int = 3600 * SECOND
    drift: int | None = None
    ordered: bool = False
