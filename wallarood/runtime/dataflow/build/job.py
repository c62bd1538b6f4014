"""From a topology to the job of one worker: every instance, restored from a checkpoint."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from wallarood.app.connector import Scope, SinkContext, SourceContext
from wallarood.flow.align import Alignment
from wallarood.flow.compile import compile_branch, compile_stage, make_states
from wallarood.flow.guard import Guard, maker_of
from wallarood.flow.route import Router
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.state import State
from wallarood.flow.steps.timed import Wall
from wallarood.flow.watermarks import restored_watermark
from wallarood.model.checkpoint import CheckpointPart, Restored
from wallarood.model.ids import ClusterId, InputId, WorkerName
from wallarood.model.pipeline import (
    LATE_OUTPUT,
    SIDE_OUTPUTS,
    Application,
    Computation,
    StepKind,
)
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.planning.tables import waits_for_table
from wallarood.runtime.dataflow.build.wiring import SOURCE_EDGE, Wiring
from wallarood.runtime.dataflow.counters import SourceCounters, StageCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import (
    JobLimits,
    Pace,
    batches_at_once,
    before_slow,
    pace_of,
    slow_stages,
)
from wallarood.runtime.dataflow.outputs import EdgeOutput, LocalPort, Outputs, Port
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.dataflow.tasks.sink_task import SinkTask
from wallarood.runtime.dataflow.tasks.source_task import SourceTask
from wallarood.runtime.dataflow.tasks.stage_task import StageTask
from wallarood.runtime.timing.clock import wall_clock
from wallarood.runtime.timing.drift import Drift
from wallarood.wire.copies import Copier
from wallarood.wire.records import PickleRule, RecordCodec

HOPS_AT_ONCE_MAX = 16
"""How many stages a batch passes in one task: each takes some five frames of Python's stack."""

MakePort = Callable[[Edge, WorkerName], Port]


@attrs.frozen
class Reporting:
    """What the job tells its worker while a checkpoint is collected; see `PartCollector`."""

    on_moved: Callable[[], None]
    on_done: Callable[[CheckpointPart], None]
    on_slow: Callable[[], None]


@attrs.frozen
class Plan:
    """What a job is built from. `cluster_path` is where connectors keep things.

    `life` names this life of the worker; `line` is the round's.
    """

    application: Application
    wiring: Wiring
    cluster_id: ClusterId
    cluster_path: Path
    life: str
    line: int
    restored: Restored
    gate: Gate
    limits: JobLimits
    remote_port: MakePort
    codecs: Mapping[int, RecordCodec]
    reporting: Reporting
    wall: Wall = wall_clock


def restore_states(
    application: Application, wiring: Wiring, restored: Restored
) -> dict[int, dict[str, State]]:
    """The state of every stage here as it was at a checkpoint. May take long: not on the loop."""
    states = {}
    for stage in wiring.stages:
        states[stage.index] = make_states(application, stage)
        for name, state in states[stage.index].items():
            state.restore(restored.chunks.get(name, ()))
    return states


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
            job.sinks.append(_sink_task(job, plan, stage))
            continue
        job.stages.append(_stage_task(job, plan, stage))
        if stage.index in slow:
            job.stages[-1].paces = tuple(paces.values())
            job.stages[-1].joined_records_max = slow[stage.index]
        if stage.kind is StageKind.SOURCE:
            pace = paces.get(stage.index)
            job.sources[stage.steps[0]] = _source_task(job, plan, stage, pace=pace)
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

    Elsewhere whoever hands over a small batch may process it, and what follows from it, and so on.
    """
    hops = {stage.index: 0 for stage in wiring.stages}
    for edge in sorted(wiring.topology.edges, key=lambda edge: edge.source):
        if edge.source in hops and edge.target in hops:
            hops[edge.target] = max(hops[edge.target], hops[edge.source] + 1)
    return {index for index, count in hops.items() if count and count % HOPS_AT_ONCE_MAX == 0}


def _outputs(job: Job, plan: Plan, stage: Stage) -> Outputs:
    wiring = job.wiring
    edges = []
    for edge in wiring.edges_from(stage):
        router = Router(edge, wiring.topology, wiring.worker)
        ports = {
            target: LocalPort(job.inbox(edge.index), (edge.index, wiring.worker))
            if target == wiring.worker
            else plan.remote_port(edge, target)
            for target in router.targets
        }
        edges.append(EdgeOutput(edge, router, ports))
    return Outputs(
        tuple(edges),
        guards_of(plan.application, stage, codecs=plan.codecs, edges=wiring.edges_from(stage)),
        copiers_of(plan.application, wiring.topology, stage),
    )


def codecs_of(
    application: Application, topology: Topology, *, rule: PickleRule
) -> dict[int, RecordCodec]:
    """A codec for each edge that may cross between workers, also if there is only one yet.

    Raises ApplicationError: records would have to be pickled, and *rule* forbids it.
    """
    codecs = {}
    for edge in topology.edges:
        if edge.routing is not Routing.FORWARD:
            made = maker_of(application, topology.stages[edge.source])
            what = "source" if made.kind is StepKind.SOURCE else "computation"
            maker = f"{what} {made.name!r} ({made.where})"
            record = _record_on(application, edge)
            codecs[edge.index] = RecordCodec.for_types(record, rule=rule, maker=maker)
    return codecs


def _record_on(application: Application, edge: Edge) -> Any:
    """The type of the records that *edge* carries; late ones are those that the step gets."""
    step = application.step(edge.origin)
    if edge.output == LATE_OUTPUT and isinstance(step.computation, Computation):
        return step.computation.input
    return step.record


def guards_of(
    application: Application,
    stage: Stage,
    *,
    codecs: Mapping[int, RecordCodec],
    edges: Iterable[Edge],
) -> dict[int, Guard]:
    """A guard for each output of *stage* from which records may cross, by *edges*."""
    maker = maker_of(application, stage)
    crossing = {edge.output: codecs[edge.index] for edge in edges if edge.index in codecs}
    return {
        output: Guard(codec, maker)
        for output, codec in crossing.items()
        if output not in SIDE_OUTPUTS
    }


def copiers_of(application: Application, topology: Topology, stage: Stage) -> dict[int, Copier]:
    """A copier for each output of *stage* that is used twice, unless by sinks alone."""
    used: dict[int, list[Edge]] = {}
    for edge in topology.edges:
        if edge.source == stage.index and edge.output not in SIDE_OUTPUTS:
            used.setdefault(edge.output, []).append(edge)
    return {
        output: Copier.for_type(application.step(edges[0].origin).record)
        for output, edges in used.items()
        if len(edges) > 1
        and any(topology.stages[edge.target].kind is not StageKind.SINK for edge in edges)
    }


def _stage_task(job: Job, plan: Plan, stage: Stage) -> StageTask:
    states = job.collector.states[stage.index]
    source_time = _source_time(job, stage)
    return StageTask(
        stage=stage,
        segments=compile_stage(plan.application, stage, states, wall=plan.wall),
        branch=compile_branch(plan.application, stage),
        inbox=job.inboxes[stage.index],
        alignment=Alignment(
            job.wiring.inputs(stage),
            restored_watermark(states.values()),
            first=read_first(plan.application, job.wiring, stage),
        ),
        outputs=_outputs(job, plan, stage),
        counters=job.counters[stage.index],
        states=tuple(states.values()),
        collector=job.collector,
        limits=plan.limits,
        batches_at_once=batches_at_once(plan.application, job.wiring, stage),
        wall=plan.wall,
        source_time=source_time,
        drift=_drift_of(source_time),
        sides=sides_of(plan.application, job.wiring, stage),
    )


def _drift_of(time: SourceTime | None) -> Drift | None:
    drift = None if time is None else time.settings.drift
    return None if time is None or drift is None else Drift(time, drift)


def _source_time(job: Job, stage: Stage) -> SourceTime | None:
    """How far the source of *stage* has come; None if its records are not stamped."""
    for state in job.collector.states[stage.index].values():
        if isinstance(state, AtOnce) and isinstance(state.of, SourceTime):
            state.of.expect(
                each.partition
                for each in stage.source_partitions
                if each.worker == job.wiring.worker
            )
            if state.of.settings.drift is not None:
                state.of.await_word(
                    {each.worker for each in stage.source_partitions} - {job.wiring.worker}
                )
            return state.of
    return None


def read_first(application: Application, wiring: Wiring, stage: Stage) -> list[InputId]:
    """The inputs of a table that *stage* joins a stream with, which is read first if it ends."""
    head = application.step(stage.steps[0])
    if not waits_for_table(application, head):
        return []
    sides = sides_of(application, wiring, stage)
    return [each for each in wiring.inputs(stage) if sides.get(each[0])]


def sides_of(application: Application, wiring: Wiring, stage: Stage) -> dict[int, int]:
    """The number of the input that each edge to *stage* leads to, if its first step has several."""
    head = application.step(stage.steps[0])
    if head.kind is StepKind.MERGE or len(head.inputs) < 2:
        return {}
    to_stage = (each for each in wiring.topology.edges if each.target == stage.index)
    return {edge.index: side for side, edge in enumerate(to_stage)}


def _pace_of(plan: Plan, stage: Stage) -> Pace:
    most = plan.limits.source_with(batches_at_once(plan.application, plan.wiring, stage))
    return pace_of(plan.application, plan.wiring, source=stage, most=most)


def _source_task(job: Job, plan: Plan, stage: Stage, *, pace: Pace | None) -> SourceTask:
    most = plan.limits.source_with(batches_at_once(plan.application, plan.wiring, stage))
    step = plan.application.step(stage.steps[0])
    known = {
        each.partition: SourceCounters(0, each.position, each.ended)
        for each in plan.restored.sources
        if each.source == step.name
    }
    listed = tuple(
        each.partition
        for each in stage.source_partitions
        if step.connector.scope is Scope.SHARED or each.worker == job.wiring.worker
    )
    stamping = job.stages[-1]
    return SourceTask(
        step=step.name,
        source=step.connector,
        partitions={
            each.partition: known.get(each.partition, SourceCounters())
            for each in stage.source_partitions
            if each.worker == job.wiring.worker
        },
        inbox=job.inboxes[stage.index],
        input=(SOURCE_EDGE, job.wiring.worker),
        gate=job.gate,
        context=SourceContext(
            step=step.name,
            worker=job.wiring.worker,
            cluster_id=plan.cluster_id,
            directory=str(plan.cluster_path / "sources" / step.name.replace("/", "_")),
            limits=most if pace is None else pace.limits,
            partitions=listed,
            positions={name: each.position for name, each in known.items()},
        ),
        source_time=stamping.source_time,
        drift=stamping.drift,
    )


def _sink_task(job: Job, plan: Plan, stage: Stage) -> SinkTask:
    step = next(
        plan.application.step(name)
        for name in stage.steps
        if plan.application.step(name).kind is StepKind.SINK
    )
    worker = job.wiring.worker
    instance = stage.workers.index(worker)
    name = f"{step.name}-{instance}".replace("/", "_")
    return SinkTask(
        stage=stage.index,
        sink=step.connector,
        context=SinkContext(
            application=plan.application.name,
            cluster_id=plan.cluster_id,
            worker=worker,
            step=step.name,
            instance=instance,
            directory=str(plan.cluster_path / "sinks" / name),
            life=plan.life,
            line=plan.line,
        ),
        inbox=job.inboxes[stage.index],
        alignment=Alignment(job.wiring.inputs(stage)),
        counters=job.counters[stage.index],
        collector=job.collector,
        on_published=job.sink_published,
        restored=next((each for each in plan.restored.sinks if each.step == step.name), None),
    )
