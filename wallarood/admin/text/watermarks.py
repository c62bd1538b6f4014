"""What people see of event time in all of a cluster."""

from wallarood.admin.status import ClusterStatus
from wallarood.admin.text.table import table
from wallarood.admin.text.times import held_by, shown


def watermarks_text(cluster: ClusterStatus, now: int) -> str:
    """Event time in every source partition and stage of the cluster; *now* is the wall clock."""
    workers = (cluster.asked, *cluster.others)
    sources = [each for status in workers for each in status.sources if each.condition]
    if not sources:
        return "no source of this application has event time (time=w.event_time(…))"
    held = held_by(sources)
    parts = [f"held by: {held}"] if held else []
    parts.append(
        table(
            ("source", "partition", "worker", "state", "watermark", "behind the clock"),
            [
                (s.source, s.partition, s.worker, s.condition, *shown(s.watermark, now))
                for s in sources
            ],
        )
    )
    rows = [
        (each.index, each.name, status.worker, *shown(each.watermark, now), _late(each.late))
        for status in workers
        for each in status.stages
    ]
    heads = ("stage", "name", "worker", "watermark", "behind the clock", "late records")
    parts.append(table(heads, sorted(rows)))
    waiting = {
        f"{each.name} waits: {each.waits}"
        for status in workers
        for each in status.stages
        if each.waits
    }
    parts += ["\n".join(sorted(waiting))] if waiting else []
    if cluster.silent:
        parts.append(f"no answer from {', '.join(cluster.silent)}: their partitions are missing")
    return "\n\n".join(parts)


def _late(late: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count:,} {cause}" for cause, count in late)
