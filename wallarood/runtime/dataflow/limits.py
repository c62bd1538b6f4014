"""Bounds on what the instances of a job hold, and on their time."""

import attrs

from wallarood.app.connector import SourceLimits


@attrs.define
class JobLimits:
    """Bounds on what a stage instance holds, and on its time; those of time may change at any time.

    `time_budget_s` is how long user code may hold the event loop at once, `blocking_call_s` how
    long a call in a thread may take before it counts as stuck.
    """

    source: SourceLimits
    inbox_batches_max: int
    time_budget_s: float
    blocking_call_s: float
