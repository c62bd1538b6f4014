"""Bounds on what the instances of a job hold, and on their time.

A barrier passes a stage after all records that came before it. Where user code awaits or blocks,
a record may take a second, and a full batch an hour. So before such a slow stage little is queued:
one batch from each sender, whose size follows what the stage gets done: what lies before a barrier
takes some seconds, or one record, or as many as are in flight at once.
"""

import math
from collections.abc import Mapping

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.model.pipeline import Application, ExecutionMode, FunctionShape
from wallarood.model.topology import Stage, Topology
from wallarood.runtime.dataflow.build.wiring import Wiring

AGGREGATED_BATCHES = 8
GROWN_BATCHES_MAX = 4
"""How many full batches a slice may grow to: more would not stay in the caches of a core."""
SPLIT_BATCHES_MAX = 4
BEFORE_BARRIER_S = 4.0
"""How long a slow stage may take for what is queued before a barrier."""
GROWTH = 4
ELSEWHERE_RECORDS = 64
"""What is read at once for a slow stage that has no instance here to go by."""


def slow_stages(application: Application, topology: Topology) -> dict[int, int]:
    """The stages in which user code awaits or blocks, and how many records each has in flight."""
    slow = {}
    for stage in topology.stages:
        steps = (application.step(name) for name in stage.steps)
        computations = [step.computation for step in steps if step.computation is not None]
        at_once = [
            each.concurrency if each.execution is ExecutionMode.ASYNC else 1
            for each in computations
            if each.execution is not ExecutionMode.INLINE
        ]
        if at_once:
            slow[stage.index] = min(at_once)
    return slow


def leading_to(topology: Topology, stage: int) -> frozenset[int]:
    """*stage*, and the stages from which records get there."""
    found, more = {stage}, True
    while more:
        before = {edge.source for edge in topology.edges if edge.target in found}
        more = not before <= found
        found |= before
    return frozenset(found)


def before_slow(application: Application, topology: Topology) -> frozenset[int]:
    """The slow stages, and the stages from which records get there."""
    slow = slow_stages(application, topology)
    return frozenset().union(*(leading_to(topology, each) for each in slow))


@attrs.define(eq=False)
class Pace:
    """How much a source reads at once, as long as slow stages keep up no better.

    `most` is what is configured. `least` has, for each slow stage that the source leads to, how
    many records may be read in any case, and `batches` how many may lie there before a barrier.
    """

    most: SourceLimits
    least: Mapping[int, int]
    batches: Mapping[int, int]
    limits: SourceLimits = attrs.field(factory=SourceLimits, init=False)
    """What the source goes by."""
    _fitting: dict[int, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._fitting = dict(self.least)
        self._set()

    def took(self, stage: int, records: int, took_s: float) -> None:
        """A slow stage has got so many records done in so long."""
        if stage not in self._fitting:
            return
        fitting = int(records / max(took_s, 1e-6) * BEFORE_BARRIER_S / self.batches[stage])
        most = min(self._fitting[stage] * GROWTH, self.most.batch_records_max)
        self._fitting[stage] = max(self.least[stage], min(fitting, most))
        self._set()

    def _set(self) -> None:
        most, limits = self.most, self.limits
        limits.batch_records_max = min(most.batch_records_max, *self._fitting.values())
        limits.batch_bytes_max = most.batch_bytes_max
        limits.record_bytes_max = most.record_bytes_max


def pace_of(application: Application, wiring: Wiring, *, source: Stage, most: SourceLimits) -> Pace:
    """The pace of the instance of *source* here, which leads to slow stages."""
    topology = wiring.topology
    slow = {
        stage: at_once
        for stage, at_once in slow_stages(application, topology).items()
        if source.index in leading_to(topology, stage)
    }
    least, batches = {}, {}
    for index, at_once in slow.items():
        stage = topology.stages[index]
        if stage.index == source.index:
            least[index], batches[index] = at_once, 2  # one is processed, one waits
            continue
        # What comes from several senders is joined. So all of them together fill the instances of
        # the slow stage, with what is processed, what waits, and what is on its way.
        share = math.ceil(at_once * len(stage.workers) / len(source.workers))
        here = wiring.worker in stage.workers
        least[index] = share if here else max(share, ELSEWHERE_RECORDS)
        batches[index] = 3
    return Pace(most, least, batches)


def batches_at_once(application: Application, wiring: Wiring, stage: Stage) -> int:
    """How many full batches a stage may take as one.

    An aggregation looks a key up once for all of its records that come together, so it gets more.
    Batches that are split among several workers are larger before, and their parts are joined
    again after that: a small batch costs much beside its records.
    """
    steps = (application.step(name) for name in stage.steps)
    shapes = {step.computation.shape for step in steps if step.computation is not None}
    parts = [wiring.parts(edge) for edge in wiring.edges_of(stage)]
    split = min(max(parts, default=1), SPLIT_BATCHES_MAX)
    return max(split, AGGREGATED_BATCHES if FunctionShape.AGGREGATE in shapes else 1)


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

    def slice_max(self, batches: int, records: int, made: int) -> int:
        """How many records a slice of up to *batches* may have, if so many made *made*."""
        most = self.source.batch_records_max * batches
        return max(1, min(most, most * GROWN_BATCHES_MAX * records // max(made, 1)))

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
