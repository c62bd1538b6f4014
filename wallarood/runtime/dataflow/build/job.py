"""From a topology to the job of one worker: every instance, restored from a checkpoint."""

from collections.abc import Callable, Mapping

from wallarood.flow.compile import make_states
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.model.checkpoint import Restored
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import (
    Application,
)
from wallarood.model.topology import Stage, StageKind
from wallarood.runtime.dataflow.build.connected import sink_task_of, source_task_of
from wallarood.runtime.dataflow.build.plan import Plan
from wallarood.runtime.dataflow.build.stages import stage_task_of
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import (
    Pace,
    batches_at_once,
    before_slow,
    pace_of,
    slow_stages,
)
from wallarood.runtime.dataflow.part_collector import PartCollector

HOPS_AT_ONCE_MAX = 16
"""How many stages a batch passes in one task: each takes some five frames of Python's stack."""


def restore_states(
    application: Application,
    wiring: Wiring,
    restored: Restored,
    *,
    kept: Callable[[State], bool] = lambda _: False,
) -> dict[int, dict[str, State]]:
    """The state of every stage here as it was at a checkpoint. May take long: not on the loop.

    *kept* may fill a new one from memory.
    """
    states = {}
    for stage in wiring.stages:
        states[stage.index] = make_states(application, stage)
        for name, state in states[stage.index].items():
            if kept(state):
                if name in restored.narrowed and isinstance(state, KeyedState):
                    state.base_next()
                continue
            state.restore(restored.chunks.get(name, ()))
            if name in restored.narrowed:
                from wallarood.flow.state.moving import keep_only  # noqa: PLC0415 - after a change

                keep_only(state, _slots_here(stage, wiring.worker), len(stage.partition_owners))
    return states


def _slots_here(stage: Stage, worker: WorkerName) -> frozenset[int]:
    return frozenset(slot for slot, owner in enumerate(stage.owners) if owner == worker)


def build_job(plan: Plan, states: Mapping[int, Mapping[str, State]]) -> Job:
    """Build every instance of this worker, working on *states*."""
    wiring = plan.wiring
    narrow = before_slow(plan.application, wiring.topology)
    slow = slow_stages(plan.application, wiring.topology)
    inboxes = {
        stage.index: Inbox(
            wiring.inputs(stage),
            1 if stage.index in narrow else plan.limits.inbox_batches_max,
            plan.limits.source.batch_records_max * batches_at_once(plan.application, wiring, stage),
        )
        for stage in wiring.stages
    }
    collector = PartCollector(
        wiring.worker,
        {stage.index: stage.name for stage in wiring.stages},
        states,
        plan.restored.checkpoint.number,
        plan.reporting.on_moved,
        plan.reporting.on_done,
        plan.reporting.on_slow,
    )
    counters = {stage.index: StageCounters() for stage in wiring.stages}
    job = Job(wiring, plan.gate, inboxes, counters, {}, [], [], collector)
    paces = {
        stage.index: _pace_of(plan, stage)
        for stage in wiring.stages
        if stage.kind is StageKind.SOURCE and stage.index in narrow
    }
    for stage in wiring.stages:
        if stage.kind is StageKind.SINK:
            job.sinks.append(sink_task_of(job, plan, stage))
            continue
        job.stages.append(stage_task_of(job, plan, stage))
        if stage.index in slow:
            job.stages[-1].paces = tuple(paces.values())
            job.stages[-1].joined_records_max = slow[stage.index]
        if stage.kind is StageKind.SOURCE:
            pace = paces.get(stage.index)
            job.sources[stage.steps[0]] = source_task_of(job, plan, stage, pace=pace)
    queued = _always_queued(wiring)
    for stage_task in job.stages:
        if stage_task.stage.index not in queued:
            stage_task.inbox.consumer = stage_task
    for sink_task in job.sinks:
        if sink_task.stage not in queued:
            sink_task.inbox.consumer = sink_task
    return job


def _always_queued(wiring: Wiring) -> set[int]:
    """The stages that take every batch in their own task, so that no stack gets too deep.

    Elsewhere the task that hands over a small batch may process it, and what follows from it.
    """
    hops = {stage.index: 0 for stage in wiring.stages}
    for edge in sorted(wiring.topology.edges, key=lambda edge: edge.source):
        if edge.source in hops and edge.target in hops:
            hops[edge.target] = max(hops[edge.target], hops[edge.source] + 1)
    return {index for index, count in hops.items() if count and count % HOPS_AT_ONCE_MAX == 0}


def _pace_of(plan: Plan, stage: Stage) -> Pace:
    most = plan.limits.source_with(batches_at_once(plan.application, plan.wiring, stage))
    return pace_of(plan.application, plan.wiring, source=stage, most=most)
