"""The data flow of one worker: its inboxes, and a task for each instance.

`build_job` makes everything from the topology; `Job.run` is the lifetime of the tasks. All marks
and records of other workers come in by `Job.inbox`, so connections need not know what runs here.
"""

from collections.abc import Callable, Mapping

import attrs
import trio

from wallarood.app.connector import SinkContext, SourceLimits
from wallarood.flow.align import Alignment
from wallarood.flow.compile import compile_branch, compile_stage
from wallarood.flow.route import Router
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.pipeline import Application, StepKind
from wallarood.model.topology import Edge, Stage, StageKind
from wallarood.runtime.dataflow.counters import SourceCounters, StageCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.outputs import EdgeOutput, LocalPort, Outputs, Port
from wallarood.runtime.dataflow.sink_task import SinkTask
from wallarood.runtime.dataflow.source_task import SourceTask
from wallarood.runtime.dataflow.stage_task import StageTask
from wallarood.runtime.dataflow.wiring import SOURCE_EDGE, Wiring


@attrs.frozen
class JobLimits:
    """Bounds on what a stage instance holds and how long it may hold the event loop."""

    source: SourceLimits
    inbox_batches_max: int
    time_budget_s: float


MakePort = Callable[[Edge, WorkerName], Port]


@attrs.define(eq=False)
class Job:
    """All instances of one worker. `counters` are by stage index, `sources` by step name."""

    wiring: Wiring
    gate: Gate
    inboxes: Mapping[int, Inbox]
    counters: Mapping[int, StageCounters]
    sources: dict[str, SourceTask]
    stages: list[StageTask]
    sinks: list[SinkTask]
    drained: bool = attrs.field(default=False, init=False)
    _cancel: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _ended: trio.Event = attrs.field(factory=trio.Event, init=False)

    def inbox(self, edge: int) -> Inbox:
        """The inbox of the instance here that *edge* leads to."""
        return self.inboxes[self.wiring.topology.edges[edge].target]

    async def run(self) -> None:
        """Run every instance until all have seen the end of their inputs, or until `stop`.

        Raises what an instance raised, unwrapped, after all others have been cancelled.
        """
        failure: BaseException | None = None
        try:
            with self._cancel:
                try:
                    async with trio.open_nursery() as nursery:
                        tasks: tuple[SinkTask | StageTask | SourceTask, ...] = (
                            *self.sinks,
                            *self.stages,
                            *self.sources.values(),
                        )
                        for each in tasks:
                            nursery.start_soon(each.run)
                    self.drained = True
                except BaseExceptionGroup as group:
                    failure = _first_of(group)
                    if failure is None:
                        raise
        finally:
            self._ended.set()
        if failure is not None:
            raise failure

    async def halt(self) -> None:
        """End all tasks where they stand."""
        self._cancel.cancel()
        await self._ended.wait()

    async def stop(self) -> None:
        """End all tasks where they stand; sinks then prepare and publish what they were given."""
        await self.halt()
        if not self.drained:
            for sink in self.sinks:
                await sink.prepare()
            await self.publish()

    async def publish(self) -> None:
        """Make visible what all sinks have prepared."""
        for sink in self.sinks:
            await sink.publish()

    async def aclose(self) -> None:
        """Close the sinks."""
        for sink in self.sinks:
            await sink.aclose()


def _first_of(group: BaseExceptionGroup[BaseException]) -> Exception | None:
    """The first error that is not a cancellation, however deep nurseries have wrapped it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            inner = _first_of(error)
            if inner is not None:
                return inner
        elif isinstance(error, Exception):
            return error
    return None


def build_job(
    application: Application,
    wiring: Wiring,
    cluster_id: ClusterId,
    *,
    gate: Gate,
    limits: JobLimits,
    remote_port: MakePort,
) -> Job:
    """Build every instance of this worker. *remote_port* makes the port to another worker."""
    inboxes = {
        stage.index: Inbox(
            wiring.inputs(stage), limits.inbox_batches_max, limits.source.batch_records_max
        )
        for stage in wiring.stages
    }
    counters = {stage.index: StageCounters() for stage in wiring.stages}
    job = Job(wiring, gate, inboxes, counters, {}, [], [])
    for stage in wiring.stages:
        if stage.kind is StageKind.SINK:
            job.sinks.append(_sink_task(job, application, stage, cluster_id=cluster_id))
            continue
        outputs = _outputs(job, stage, remote_port)
        job.stages.append(_stage_task(job, application, stage, outputs=outputs, limits=limits))
        if stage.kind is StageKind.SOURCE:
            job.sources[stage.steps[0]] = _source_task(job, application, stage, limits=limits)
    return job


def _outputs(job: Job, stage: Stage, remote_port: MakePort) -> Outputs:
    wiring = job.wiring
    edges = []
    for edge in wiring.edges_from(stage):
        router = Router(edge, wiring.topology, wiring.worker)
        ports = {
            target: LocalPort(job.inbox(edge.index), (edge.index, wiring.worker))
            if target == wiring.worker
            else remote_port(edge, target)
            for target in router.targets
        }
        edges.append(EdgeOutput(edge, router, ports))
    return Outputs(tuple(edges))


def _stage_task(
    job: Job, application: Application, stage: Stage, *, outputs: Outputs, limits: JobLimits
) -> StageTask:
    return StageTask(
        stage=stage,
        segments=compile_stage(application, stage),
        branch=compile_branch(application, stage),
        inbox=job.inboxes[stage.index],
        alignment=Alignment(job.wiring.inputs(stage)),
        outputs=outputs,
        counters=job.counters[stage.index],
        time_budget_s=limits.time_budget_s,
        batch_records_max=limits.source.batch_records_max,
    )


def _source_task(
    job: Job, application: Application, stage: Stage, *, limits: JobLimits
) -> SourceTask:
    step = application.step(stage.steps[0])
    return SourceTask(
        step=step.name,
        source=step.connector,
        partitions={
            each.partition: SourceCounters()
            for each in stage.source_partitions
            if each.worker == job.wiring.worker
        },
        inbox=job.inboxes[stage.index],
        input=(SOURCE_EDGE, job.wiring.worker),
        gate=job.gate,
        limits=limits.source,
    )


def _sink_task(
    job: Job, application: Application, stage: Stage, *, cluster_id: ClusterId
) -> SinkTask:
    step = next(
        application.step(name)
        for name in stage.steps
        if application.step(name).kind is StepKind.SINK
    )
    worker = job.wiring.worker
    return SinkTask(
        sink=step.connector,
        context=SinkContext(
            application=application.name,
            cluster_id=cluster_id,
            worker=worker,
            step=step.name,
            instance=stage.workers.index(worker),
        ),
        inbox=job.inboxes[stage.index],
        alignment=Alignment(job.wiring.inputs(stage)),
        counters=job.counters[stage.index],
    )
