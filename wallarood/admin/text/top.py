"""What people see at a glance: every stage of the cluster, and every worker."""

import attrs

from wallarood.admin.status import ClusterStatus, StageStatus, Status
from wallarood.admin.text.table import duration, table
from wallarood.model.topology import StageKind

STAGES = (
    *("stage", "name", "kind", "in/s", "out/s", "busy", "blocked", "idle", "backlog"),
    *("keys", "skew", "failed", "late"),
)
WORKERS = ("worker", "job", "reads/s", "cpu", "memory", "loop delay", "checkpoint", "starts")


@attrs.frozen
class StageRow:
    """One stage on all workers: sums of counts, and the shares of the busiest worker.

    `skew` is how many times the mean of all workers the one with most records gets, and `slot_skew`
    how many times its part the busiest group of slots of a worker has; None if it is not known.
    """

    index: int
    name: str
    kind: str
    workers: int
    rate_in: float
    rate_out: float
    busy: float
    blocked: float
    backlog: int
    keys: int | None
    failed: int
    late: int
    skew: float | None
    slot_skew: float | None


def stage_rows(cluster: ClusterStatus) -> list[StageRow]:
    """All stages, in the order of the topology."""
    found: dict[int, list[StageStatus]] = {}
    for status in cluster.workers:
        for stage in status.stages:
            found.setdefault(stage.index, []).append(stage)
    rows = []
    for index, stages in sorted(found.items()):
        first, sizes = stages[0], [each for stage in stages for each in stage.states]
        rows.append(
            StageRow(
                index,
                first.name,
                first.kind,
                len(stages),
                sum(each.rate for each in stages),
                sum(each.rate_out for each in stages),
                max(each.busy for each in stages),
                max(each.blocked for each in stages),
                sum(each.backlog for each in stages),
                sum(each.keys for each in sizes) if sizes else None,
                sum(each.dead_letters + each.skipped for each in stages),
                sum(count for each in stages for _, count in each.late),
                skew_of(stages),
                max(
                    (each.slot_skew for each in stages if each.slot_skew is not None), default=None
                ),
            )
        )
    return rows


def skew_of(stages: list[StageStatus]) -> float | None:
    """How many times the mean of all instances the busiest gets; None if it is not by keys."""
    rates = [each.rate for each in stages]
    if stages[0].kind != StageKind.PARTITIONED.value or len(stages) < 2 or sum(rates) <= 0:
        return None
    return max(rates) * len(rates) / sum(rates)


def top_text(cluster: ClusterStatus) -> str:
    """The cluster in two tables."""
    asked = cluster.asked
    rate = sum(status.rate for status in cluster.workers)
    head = (
        f"{asked.application or '-'}  {asked.cluster_id or '-'}  {asked.phase}  "
        f"reads {rate:,.0f} records/s"
    )
    parts = [head]
    rows = stage_rows(cluster)
    if rows:
        parts.append(table(STAGES, [_cells(row) for row in rows]))
    parts.append(table(WORKERS, [_worker(status) for status in cluster.workers]))
    if cluster.silent:
        parts.append(f"no answer from {', '.join(cluster.silent)}: what they do is not counted")
    return "\n\n".join(parts)


def _cells(row: StageRow) -> tuple[object, ...]:
    idle = max(0.0, 1.0 - row.busy - row.blocked)
    return (
        row.index,
        row.name,
        row.kind,
        round(row.rate_in),
        round(row.rate_out),
        f"{row.busy:.0%}",
        f"{row.blocked:.0%}",
        f"{idle:.0%}",
        row.backlog,
        row.keys,
        row.skew,
        row.failed,
        row.late,
    )


def _worker(status: Status) -> tuple[object, ...]:
    host, checkpoint = status.host, status.checkpoint
    age = "-" if checkpoint.age_s is None else f"{duration(checkpoint.age_s)} ago"
    return (
        status.worker,
        status.job.value,
        round(status.rate),
        f"{host.cpu:.0%}",
        f"{host.memory_bytes / (1 << 20):,.0f} MiB",
        f"{host.loop_delay_s * 1000:,.0f} ms",
        f"{checkpoint.committed}, {age}",
        host.starts,
    )
