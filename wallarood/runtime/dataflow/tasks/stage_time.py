"""How far event time has come at a stage with a source, and which times the stage waits for."""
# Theory of operation
# ===================
# A stage with a source that knows time follows how far that has come: the watermark goes out after
# the records that moved it, at once when nothing waits and every now and then under load. An
# operator that waits for a time of the wall clock has the stage take a tick from its inbox then.

import math
import time
from collections.abc import Sequence

import attrs

from wallarood.flow.align import Alignment
from wallarood.flow.compile import Inline, Segment
from wallarood.flow.source_time import SourceTime
from wallarood.flow.steps.timed import Wall
from wallarood.model.batch import Watermark
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.timing.drift import Drift
from wallarood.runtime.timing.ticker import Ticker

WATERMARK_INTERVAL_S = 0.05
"""How often a source says under load how far time has come."""


@attrs.define(eq=False)
class StageTime:
    """The time of one stage instance; `source` is None if it stamps no records."""

    source: SourceTime | None
    drift: Drift | None
    segments: Sequence[Segment]
    inbox: Inbox
    alignment: Alignment
    wall: Wall
    said: Watermark = attrs.field(default=Watermark(MIN_TIME), init=False)
    """What went out last of how far the source has come."""
    ticker: Ticker = attrs.field(init=False)
    _said_at: float = attrs.field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.ticker = Ticker(self.wall, self.inbox.tick)

    def news(self) -> tuple[Watermark, ...]:
        """The watermarks that are to go out now; none if there is none, or it is too soon."""
        if self.source is None:
            return ()
        now_s = time.monotonic()
        too_soon = now_s - self._said_at < WATERMARK_INTERVAL_S
        if too_soon and self.inbox.has_some(self.alignment):
            return ()
        told = self.source.tell_all(self.wall())
        if not told or told[-1] == self.said:
            return ()
        self.said, self._said_at = told[-1], now_s
        return told

    def end(self) -> tuple[Watermark, ...]:
        """The watermarks that are to go out before the end of the source."""
        if self.source is None:
            return ()
        told = self.source.tell_end(self.said.time)
        self.said = Watermark(MAX_TIME)
        return told

    def moved(self) -> None:
        """Time may have moved: partitions may be let go, and other times be waited for."""
        if self.drift is not None:
            self.drift.moved()
        self.wait_for_clock()

    def wait_for_clock(self) -> None:
        """Have a tick come when the stage waits for a time of the wall clock."""
        dues = [each.wall_due for each in self.segments if isinstance(each, Inline)]
        if self.source is not None:
            dues.append(self.source.wall_due)
        self.ticker.wait_for(min((each for each in dues if each is not None), default=None))
