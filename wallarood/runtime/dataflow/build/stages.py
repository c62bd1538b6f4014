"""Building the instances of stages, with what they know of their inputs and of time."""

from collections.abc import Callable, Mapping

from wallarood.flow.align import Alignment
from wallarood.flow.compile import Segment, compile_branch, compile_stage
from wallarood.flow.route import Router
from wallarood.flow.sampled.hot_keys import HotKeys
from wallarood.flow.sampled.slots import SlotCounts, groups_of
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.state import State
from wallarood.flow.watermarks import restored_watermark
from wallarood.model.ids import InputId, WorkerName
from wallarood.model.pipeline import Application, Step, StepKind
from wallarood.model.topology import Stage, StageKind
from wallarood.planning.tables import waits_for_rows
from wallarood.runtime.dataflow.build.crossing import copiers_of, guards_of
from wallarood.runtime.dataflow.build.partitions import expected, partitions_here
from wallarood.runtime.dataflow.build.plan import Plan
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import (
    batches_at_once,
)
from wallarood.runtime.dataflow.looks import Looks
from wallarood.runtime.dataflow.outputs import EdgeOutput, LocalPort, Outputs
from wallarood.runtime.dataflow.tasks.stage_task import StageTask
from wallarood.runtime.timing.clock import wall_clock
from wallarood.runtime.timing.drift import Drift


def compile_stages(
    application: Application, wiring: Wiring, states: Mapping[int, Mapping[str, State]]
) -> dict[int, tuple[Segment, ...]]:
    """The segments of every stage here, working on *states*.

    Those that know time make indexes of all keys. May take long: not on the loop.
    """
    return {
        stage.index: compile_stage(application, stage, states[stage.index], wall=wall_clock)
        for stage in wiring.stages
        if stage.kind is not StageKind.SINK
    }


def stage_task_of(job: Job, plan: Plan, stage: Stage) -> StageTask:
    """The task of the instance of *stage* here."""
    states = job.collector.states[stage.index]
    source_time = _source_time(job, plan, stage)
    segments = (plan.segments or {}).get(stage.index)
    if segments is None:
        segments = compile_stage(plan.application, stage, states, wall=plan.wall)
    return StageTask(
        stage=stage,
        segments=segments,
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
        looks=_looks_of(stage, job.wiring.worker),
    )


def _looks_of(stage: Stage, worker: WorkerName) -> Looks:
    """What looks at the records of *stage* on *worker*: at their keys where these decide."""
    if stage.kind is not StageKind.PARTITIONED:
        return Looks()
    return Looks(HotKeys(), SlotCounts(groups_of(stage, worker)))


def _drift_of(time: SourceTime | None) -> Drift | None:
    drift = None if time is None else time.settings.drift
    return None if time is None or drift is None else Drift(time, drift)


def _source_time(job: Job, plan: Plan, stage: Stage) -> SourceTime | None:
    """How far the source of *stage* has come; None if its records are not stamped."""
    for state in job.collector.states[stage.index].values():
        if isinstance(state, AtOnce) and isinstance(state.of, SourceTime):
            worker = job.wiring.worker
            here = partitions_here(plan.application, plan.restored, stage=stage, worker=worker)
            state.of.expect(expected(plan.application, stage, here))
            if state.of.settings.drift is not None:
                state.of.await_word({*stage.workers} - {worker})
            return state.of
    return None


def _outputs(job: Job, plan: Plan, stage: Stage) -> Outputs:
    wiring = job.wiring
    edges, blocked = [], job.counters[stage.index].blocked
    for edge in wiring.edges_from(stage):
        router = Router(edge, wiring.topology, wiring.worker)
        ports = {
            target: LocalPort(job.inbox(edge.index), (edge.index, wiring.worker), blocked)
            if target == wiring.worker
            else plan.remote_port(edge, target, blocked)
            for target in router.targets
        }
        edges.append(EdgeOutput(edge, router, ports))
    return Outputs(
        tuple(edges),
        guards_of(plan.application, stage, codecs=plan.codecs, edges=wiring.edges_from(stage)),
        copiers_of(plan.application, wiring.topology, stage),
    )


def read_first(
    application: Application,
    wiring: Wiring,
    stage: Stage,
    waits: Callable[[Application, Step], bool] = waits_for_rows,
) -> list[InputId]:
    """The inputs of a table that *stage* joins a stream with, and which is read first."""
    head = application.step(stage.steps[0])
    if not waits(application, head):
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
