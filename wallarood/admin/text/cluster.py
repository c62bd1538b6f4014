"""What people see of a cluster: plain text tables of its topology, status and workers."""

import attrs

from wallarood.admin.figures.values import CopyStatus
from wallarood.admin.status import ClusterStatus, StageStatus, Status, progress
from wallarood.admin.text.table import duration, table
from wallarood.admin.text.times import time_line
from wallarood.model.checkpoint import PENDING
from wallarood.model.topology import Stage, Topology
from wallarood.runtime.timing.clock import wall_clock

WORKERS_NAMED_MAX = 8


def topology_table(topology: Topology) -> str:
    """Stages, what was coalesced into each, and where they run."""
    rows = [
        (stage.index, stage.kind.value, " + ".join(stage.steps), _placement(stage))
        for stage in topology.stages
    ]
    return table(("stage", "kind", "computations", "runs on"), rows)


def _placement(stage: Stage) -> str:
    if stage.partition_owners:
        owned = [stage.partition_owners.count(index) for index in range(len(stage.workers))]
        names = [f"{name} ({count})" for name, count in zip(stage.workers, owned, strict=True)]
    else:
        names = list(stage.workers)
    if len(names) > WORKERS_NAMED_MAX:
        names = [*names[: WORKERS_NAMED_MAX - 1], f"and {len(names) - WORKERS_NAMED_MAX + 1} more"]
    unit = f" of {len(stage.partition_owners)} partitions" if stage.partition_owners else ""
    return ", ".join(names) + unit


def workers_table(status: Status) -> str:
    """The members of the cluster, as one of them sees them."""
    rows = [(each.name, each.address, each.state, _ago(each.heard_s)) for each in status.workers]
    return table(("worker", "address", "state", "last heard"), rows)


def _ago(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s ago"


def cluster_text(cluster: ClusterStatus) -> str:
    """Everything about one worker, with what the whole cluster reads, for a person."""
    workers = (cluster.asked, *cluster.others)
    sources = tuple(source for each in workers for source in each.sources)
    rate = sum(each.rate for each in workers)
    parts = [status_text(attrs.evolve(cluster.asked, sources=sources, rate=rate))]
    if cluster.others:
        rows = [(each.worker, _doing(each), _checkpoint(each)) for each in workers]
        parts.append(table(("worker", "job", "checkpoint"), rows))
    if cluster.silent:
        parts.append(f"no answer from {', '.join(cluster.silent)}: what they read is not counted")
    return "\n\n".join(parts)


def status_text(status: Status) -> str:
    """Everything about one worker, for a person."""
    read = progress(status.sources)
    facts = [
        ("worker", f"{status.worker} (wallarood {status.version}, up {duration(status.uptime_s)})"),
        ("application", status.application or "-"),
        ("cluster", f"{status.cluster_id or '-'}  epoch {status.epoch}  round {status.round}"),
        ("job", status.phase or status.job.value),
        ("checkpoint", _checkpoint(status)),
        ("copy", _copy(status.checkpoint.copy)),
        ("in flight", status.checkpoint.waiting_for),
        ("disk", status.checkpoint.failing),
        ("restored", _restored(status)),
        ("upgrade", _upgrade(status.checkpoint.kept)),
        ("kept", ", ".join(f"{name} ({number})" for name, number in status.checkpoint.kept)),
        ("outside", "; ".join(f"{s.name}: {_outside(s)}" for s in status.stages if s.failing)),
        ("waits", "; ".join(f"{s.name}: {s.waits}" for s in status.stages if s.waits)),
        ("failure", status.failure),
        ("overruns", _overruns(status)),
        ("time", time_line(status, wall_clock())),
        ("pickled", _pickled(status)),
        ("reads", f"{status.rate:,.0f} records/s" + ("" if read is None else f", {read:.0%}")),
    ]
    parts = ["\n".join(f"{name + ':':<13}{value}" for name, value in facts if value)]
    if status.workers:
        parts.append(workers_table(status))
    if status.stages:
        parts.append(_stages_table(status))
    if status.sources:
        parts.append(_sources_table(status))
    return "\n\n".join(parts)


def _doing(status: Status) -> str:
    text = status.phase or status.job.value
    return f"{text}; restored: no vote" if status.restored else text


def _restored(status: Status) -> str:
    if not status.restored:
        return ""
    name = status.worker
    return f"from a copy: {name} has no vote in changes until wallarooctl replace {name}"


def _upgrade(kept: tuple[tuple[str, int], ...]) -> str:
    """What is said while a new version of the application is waited for; else empty."""
    if not any(name.startswith(PENDING) for name, _ in kept):
        return ""
    from wallarood.planning.upgrade import pending  # noqa: PLC0415 - few clusters wait for one

    for name, number in kept:
        if (drop := pending([name])) is not None:
            dropped = f", which drops {', '.join(drop)}" if drop else ""
            return f"pending from checkpoint {number}: restart with the new version{dropped}"
    return ""


def _checkpoint(status: Status) -> str:
    """The last checkpoint of this worker, in a line; empty if it is in no cluster."""
    now = status.checkpoint
    if now.last is None or now.age_s is None or now.duration_s is None:
        return f"{now.committed} committed, none since the start" if status.cluster_id else ""
    known = "committed" if now.committed >= now.last else f"written, {now.committed} committed"
    return (
        f"{now.last} {known}, {duration(now.age_s)} ago, took {now.duration_s:.2f} s, "
        f"{now.size_bytes:,} bytes"
    )


def _copy(copy: CopyStatus | None) -> str:
    """Where this worker's checkpoints are copied to, and how far; empty if nowhere."""
    if copy is None:
        return ""
    has = "nothing yet" if copy.copied is None else f"checkpoint {copy.copied}"
    loss = "; one more loss is fatal" if copy.fatal else ""
    return f"{copy.holder} has {has}{copy.sending and f', {copy.sending}'}{loss}"


def _outside(stage: StageStatus) -> str:
    """What a stage waits for outside, and what waits here meanwhile."""
    if not stage.unpublished:
        return stage.failing
    size = f", {stage.unpublished_bytes:,} bytes" if stage.unpublished_bytes else ""
    return f"{stage.failing}; {stage.unpublished:,} transactions wait{size}"


def _overruns(status: Status) -> str:
    """The stages whose user code has held the event loop for too long; empty if there are none."""
    stages = [f"{each.name} ({each.overruns})" for each in status.stages if each.overruns]
    return f"over a second on the event loop: {', '.join(stages)}" if stages else ""


def _pickled(status: Status) -> str:
    """The stages whose records did not go to other workers by their type hints; or empty."""
    stages = [f"{each.name} ({each.pickled:,})" for each in status.stages if each.pickled]
    return f"records sent to other workers: {', '.join(stages)}" if stages else ""


def _stages_table(status: Status) -> str:
    heads = ("stage", "name", "kind", "in", "out", "skipped", "dead letters", "backlog", "per s")
    rows = [
        (
            each.index,
            each.name,
            each.kind,
            each.records_in,
            each.records_out,
            each.skipped,
            each.dead_letters,
            each.backlog,
            round(each.rate),
        )
        for each in status.stages
    ]
    return table(heads, rows)


def _sources_table(status: Status) -> str:
    rows = [
        (
            each.source,
            each.partition,
            each.records,
            each.bytes_read,
            each.bytes_total,
            each.lag_bytes,
            "ended" if each.ended else "away" if each.away else "reading",
        )
        for each in status.sources
    ]
    return table(("source", "partition", "records", "bytes read", "of", "lag", "state"), rows)
