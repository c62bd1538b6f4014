"""The last records that failed or came too late, from all workers."""

from datetime import UTC, datetime

import attrs

from wallarood.admin.figures.values import FailureSample
from wallarood.admin.status import ClusterStatus

SHOWN_MAX = 50


@attrs.frozen
class Error:
    """A failure, with where it happened."""

    worker: str
    stage: str
    sample: FailureSample


def errors_of(cluster: ClusterStatus) -> list[Error]:
    """The last failures that the workers remember, the newest first."""
    found = [
        Error(status.worker, stage.name, sample)
        for status in cluster.workers
        for stage in status.stages
        for sample in stage.failures
    ]
    return sorted(found, key=lambda each: -each.sample.at)[:SHOWN_MAX]


def errors_text(cluster: ClusterStatus) -> str:
    """How many there were, and the last ones."""
    skipped = sum(stage.skipped for status in cluster.workers for stage in status.stages)
    letters = sum(stage.dead_letters for status in cluster.workers for stage in status.stages)
    late = sum(n for status in cluster.workers for stage in status.stages for _, n in stage.late)
    parts = [
        f"{skipped:,} records skipped, {letters:,} to dead letters, {late:,} too late, since the "
        "last recovery"
    ]
    for each in errors_of(cluster):
        sample = each.sample
        when = datetime.fromtimestamp(sample.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        where = f" ({sample.file}:{sample.line})" if sample.file else ""
        parts.append(
            f"{when} {each.worker} {sample.computation}{where}: {sample.error}\n"
            f"  record: {sample.record}"
        )
    if cluster.silent:
        parts.append(f"no answer from {', '.join(cluster.silent)}")
    return "\n".join(parts)
