"""Bounds on what the instances of a job hold, and on their time."""

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.model.pipeline import Application, Shape
from wallarood.model.topology import Stage
from wallarood.runtime.dataflow.wiring import Wiring

AGGREGATED_BATCHES = 8
PARTED_BATCHES_MAX = 4


def batches_at_once(application: Application, wiring: Wiring, stage: Stage) -> int:
    """How many full batches a stage may take as one.

    An aggregation looks a key up once for all of its records that come together, so it gets more.
    Batches that are parted among several workers are larger before, and their parts are put
    together again behind: a small batch costs much beside its records.
    """
    steps = (application.step(name) for name in stage.steps)
    shapes = {step.computation.shape for step in steps if step.computation is not None}
    parts = [wiring.parts(edge) for edge in wiring.edges_of(stage)]
    parted = min(max(parts, default=1), PARTED_BATCHES_MAX)
    return max(parted, AGGREGATED_BATCHES if Shape.AGGREGATE in shapes else 1)


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
    _larger: dict[int, SourceLimits] = attrs.field(factory=dict, init=False)

    def source_with(self, batches: int) -> SourceLimits:
        """Those of a source that fills *batches* at once. `change_source` changes them too."""
        if batches not in self._larger:
            self._larger[batches] = attrs.evolve(self.source)
            self.change_source(self.source)
        return self._larger[batches]

    def change_source(self, limits: SourceLimits) -> None:
        """From now on sources heed these."""
        for batches, each in ((1, self.source), *self._larger.items()):
            each.batch_records_max = limits.batch_records_max * batches
            each.batch_bytes_max = limits.batch_bytes_max
            each.record_bytes_max = limits.record_bytes_max
