"""What keeps a cluster from working at all: workers, disks, servers outside, checkpoints."""

from collections.abc import Iterator

from wallarood.admin.status import ClusterStatus, JobState, Status
from wallarood.admin.text.table import duration
from wallarood.admin.why.finding import Fault, Finding
from wallarood.model.topology import StageKind

DISK_S = 10.0
"""When a checkpoint waits so long for the disk, that is what is told of."""
OLD_S = 60.0
"""A checkpoint in flight is told of when the last one is so old."""
ABANDONED_RUNS = 2


def find_trouble(cluster: ClusterStatus, now: float) -> Iterator[Finding]:
    """What is in the way; *now* is in seconds since 1970 UTC."""
    yield from _failed(cluster)
    yield from _missing(cluster)
    yield from _not_running(cluster)
    for status in cluster.workers:
        yield from _disk(status, now)
        yield from _outside(status)
    yield from _checkpoints(cluster, now)


def _failed(cluster: ClusterStatus) -> Iterator[Finding]:
    for status in cluster.workers:
        if status.failure:
            yield Finding(
                Fault.FAILED,
                f"the job has failed on {status.worker}: {status.failure}",
                where=status.worker,
            )


def _missing(cluster: ClusterStatus) -> Iterator[Finding]:
    away: dict[str, list[str]] = {}
    for status in cluster.workers:
        for each in status.workers:
            if each.state in ("away", "left"):
                away.setdefault(each.name, []).append(status.worker)
    answered = {status.worker for status in cluster.workers}
    for name in (name for name in away if name not in answered):
        yield Finding(
            Fault.MISSING_WORKER,
            f"worker {name} is away: all sources pause until it is back",
            (
                f"not heard by {', '.join(away[name])}",
                f"the job here: {cluster.asked.phase}",
                f"start it on its host, or see why it does not start: journalctl -u wallarood "
                f"there, and the address that {name} had",
            ),
            name,
        )
    for name in (name for name in cluster.silent if name not in away):
        yield Finding(
            Fault.MISSING_WORKER,
            f"worker {name} did not answer within a second: its event loop is held up, or its "
            "connection is slow",
            ("what it does is not counted below",),
            name,
        )


def _not_running(cluster: ClusterStatus) -> Iterator[Finding]:
    asked = cluster.asked
    if asked.job in (JobState.FORMING, JobState.RECOVERING, JobState.PAUSED):
        yield Finding(
            Fault.PAUSED if asked.job is JobState.PAUSED else Fault.NOT_RUNNING,
            f"nothing is processed: {asked.phase}",
            tuple(f"{each.worker}: {each.phase}" for each in cluster.others),
            asked.worker,
        )
    if asked.job is JobState.COMPLETED:
        yield Finding(
            Fault.NOTHING, "the job is completed: all input was read and published", (), ""
        )


def _disk(status: Status, now: float) -> Iterator[Finding]:
    checkpoint = status.checkpoint
    if checkpoint.failing:
        yield Finding(
            Fault.BLOCKED_DISK,
            f"the disk of {status.worker} refuses checkpoints: {checkpoint.failing}",
            _space(status),
            status.worker,
        )
        return
    last = checkpoint.recent[-1] if checkpoint.recent else None
    if last is None or last.outcome != "running" or last.collect_s is None:
        return
    waits_s = now - last.at - last.collect_s
    if waits_s >= DISK_S:
        yield Finding(
            Fault.BLOCKED_DISK,
            f"the disk of {status.worker} has been writing checkpoint {last.number} for "
            f"{duration(waits_s)}",
            _space(status),
            status.worker,
        )


def _space(status: Status) -> tuple[str, ...]:
    free = status.host.disk_free_bytes
    return () if free is None else (f"{free:,} bytes are free where {status.worker} has its state",)


def _outside(status: Status) -> Iterator[Finding]:
    for stage in status.stages:
        if stage.failing and stage.kind == StageKind.SINK.value:
            yield Finding(
                Fault.SINK_AWAY,
                f"sink {stage.name} on {status.worker} cannot publish: {stage.failing}",
                ("records wait in it; sources pause when too many checkpoints wait",),
                stage.name,
            )
        elif stage.failing:
            yield Finding(
                Fault.SOURCE_AWAY,
                f"source {stage.name} on {status.worker} waits for its server: {stage.failing}",
                (),
                stage.name,
            )
        if stage.waits:
            yield Finding(
                Fault.WAITING_TABLE,
                f"stage {stage.name} on {status.worker} does not read its stream: {stage.waits}",
                (),
                stage.name,
            )


def _checkpoints(cluster: ClusterStatus, now: float) -> Iterator[Finding]:
    done = [each for each in cluster.asked.checkpoint.recent if each.outcome != "running"]
    last = done[-ABANDONED_RUNS:]
    waits = next(
        (s.checkpoint.waiting_for for s in cluster.workers if s.checkpoint.waiting_for), ""
    )
    age_s = cluster.asked.checkpoint.age_s
    since_s = now - cluster.asked.checkpoint.recent[0].at if cluster.asked.checkpoint.recent else 0
    evidence = [f"in flight: {waits}"] if waits else []
    evidence += [
        f"{status.worker}: {status.checkpoint.committed} committed, "
        f"{status.checkpoint.abandoned} abandoned, {status.checkpoint.failed} failed since it began"
        for status in cluster.workers
    ]
    if len(last) == ABANDONED_RUNS and all(e.outcome in ("abandoned", "failed") for e in last):
        yield Finding(
            Fault.FAILING_CHECKPOINT,
            f"checkpoints fail: {' and '.join(str(each.number) for each in last)} were abandoned"
            + (f", {waits}" if waits else ""),
            tuple(evidence),
        )
    elif waits and age_s is not None and age_s >= OLD_S:
        yield Finding(
            Fault.FAILING_CHECKPOINT,
            f"the last checkpoint is {duration(age_s)} old, and the next one is held up: {waits}",
            tuple(evidence),
        )
    elif waits and age_s is None and since_s >= OLD_S:
        yield Finding(
            Fault.FAILING_CHECKPOINT,
            f"no checkpoint was written since the first began {duration(since_s)} ago: {waits}",
            tuple(evidence),
        )
