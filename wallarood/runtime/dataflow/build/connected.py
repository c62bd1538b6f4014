"""Building the instances of sources and sinks, with what their connectors are told."""

from wallarood.app.connector import SinkContext, SourceContext
from wallarood.flow.align import Alignment
from wallarood.model.pipeline import (
    StepKind,
)
from wallarood.model.topology import Stage
from wallarood.planning.tables import loaded_first
from wallarood.runtime.dataflow.build.partitions import (
    listed_of,
    partitions_here,
    readers_rule,
    restored_of,
    was_listed,
)
from wallarood.runtime.dataflow.build.plan import Plan
from wallarood.runtime.dataflow.build.wiring import SOURCE_EDGE
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import (
    Pace,
    batches_at_once,
)
from wallarood.runtime.dataflow.tasks.sink_task import SinkTask
from wallarood.runtime.dataflow.tasks.source_task import SourceTask


def source_task_of(job: Job, plan: Plan, stage: Stage, *, pace: Pace | None) -> SourceTask:
    """The task that reads the partitions here of the source of *stage*."""
    most = plan.limits.source_with(batches_at_once(plan.application, plan.wiring, stage))
    worker, stamping = job.wiring.worker, job.stages[-1]
    step = plan.application.step(stage.steps[0])
    return SourceTask(
        step=step.name,
        source=step.connector,
        partitions=partitions_here(plan.application, plan.restored, stage=stage, worker=worker),
        inbox=job.inboxes[stage.index],
        input=(SOURCE_EDGE, worker),
        gate=job.gate,
        context=SourceContext(
            step=step.name,
            worker=worker,
            cluster_id=plan.cluster_id,
            directory=str(plan.cluster_path / "sources" / step.name.replace("/", "_")),
            limits=most if pace is None else pace.limits,
            partitions=listed_of(step, stage, worker),
            positions={
                name: each.position for name, each in restored_of(plan.restored, step.name).items()
            },
            appeared=was_listed(plan.restored, step.name),
            stamps=stamping.source_time is not None,
            copied=plan.copied,
            left=tuple(
                each.partition
                for each in stage.source_partitions
                if each.left_by and each.worker == worker
            ),
        ),
        is_mine=readers_rule(step, stage, worker),
        source_time=stamping.source_time,
        drift=stamping.drift,
        of_table=step.name in loaded_first(plan.application),
    )


def sink_task_of(job: Job, plan: Plan, stage: Stage) -> SinkTask:
    """The task of the sink that *stage* is."""
    step = next(
        plan.application.step(name)
        for name in stage.steps
        if plan.application.step(name).kind is StepKind.SINK
    )
    worker = job.wiring.worker
    instance = stage.writer_of(worker)
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
            all_copied=plan.all_copied,
        ),
        inbox=job.inboxes[stage.index],
        alignment=Alignment(job.wiring.inputs(stage)),
        counters=job.counters[stage.index],
        collector=job.collector,
        on_published=job.sink_published,
        restored=next((each for each in plan.restored.sinks if each.step == step.name), None),
    )
