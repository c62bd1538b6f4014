"""How many records a stage takes at once: what fits into the time that user code should take."""

import attrs
import structlog

from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.runtime.timing.preempted import Ran, fitting_records

OVERRUN_S = 1.0
RECORDS_FIRST = 16
SMALL_SHARE = 16

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Slices:
    """Those of the stage instance of this name; `inline` is whether it runs on the event loop."""

    stage: str
    limits: JobLimits
    counters: StageCounters
    inline: bool
    batches_at_once: int = 1
    records: int = attrs.field(default=RECORDS_FIRST, init=False)
    """How many records the next slice has at most."""

    def is_small(self, records: int) -> bool:
        """See `Consumer.is_small`: a small part of the time budget is enough for them."""
        return self.inline and records * SMALL_SHARE <= self.records

    def took(self, records: int, took_s: float, before: Ran | None, *, made: int) -> None:
        """So many *records* have taken so long, since *before* if that is known, and *made* more.

        Warns of user code that held the event loop for too long.
        """
        most = self.limits.slice_max(self.batches_at_once, records, made if self.inline else 0)
        if not self.inline:
            self.records = most
            return
        fitting = fitting_records(records, took_s, before, budget_s=self.limits.time_budget_s)
        self.records = max(1, min(fitting, self.records * 4, most))
        if took_s > OVERRUN_S:
            self.counters.overruns += 1
            log.warning(
                f"user code blocked the event loop for {took_s:.1f} s; set blocking=True to run it "
                "in a thread",
                stage=self.stage,
                records=records,
            )
