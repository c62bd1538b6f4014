"""Bounds on what the instances of a job hold, and on their time."""

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.model.pipeline import Application, Shape
from wallarood.model.topology import Stage

AGGREGATED_BATCHES = 8


def batches_at_once(application: Application, stage: Stage) -> int:
    """How many full batches a stage may take as one.

    An aggregation looks a key up once for all of its records that come together, so it gets more.
    """
    steps = (application.step(name) for name in stage.steps)
    shapes = {step.computation.shape for step in steps if step.computation is not None}
    return AGGREGATED_BATCHES if Shape.AGGREGATE in shapes else 1


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
