"""What is wrong with the records: idle partitions, failures, late ones, state that grows."""

from collections.abc import Iterator

from wallarood.admin.status import ClusterStatus
from wallarood.admin.text.table import duration
from wallarood.admin.why.finding import Fault, Finding
from wallarood.model.time import MAX_TIME, SECOND, Condition

BEHIND_S = 10.0
"""A partition holds event time when others are so far ahead of it."""
LATE_SHARE = 0.01
"""From this share of a stage's records on late ones are told of."""
KEYS = 1000
GROWTH = 1.2
"""State grows when it has so many keys, so many times as many as it had some minutes ago."""


def find_in_records(cluster: ClusterStatus) -> Iterator[Finding]:
    """What the records, and what is kept of them, show."""
    yield from _idle(cluster)
    yield from _failures(cluster)
    yield from _late(cluster)
    yield from _growing(cluster)


def _idle(cluster: ClusterStatus) -> Iterator[Finding]:
    timed = [each for status in cluster.workers for each in status.sources if each.condition]
    open_ = [
        each
        for each in timed
        if each.condition in (Condition.ACTIVE.value, Condition.UNOPENED.value)
    ]
    ahead = max(
        (each.watermark for each in timed if each.watermark not in (None, MAX_TIME)), default=None
    )
    if ahead is None or not open_:
        return
    held = min(open_, key=lambda each: -1 if each.watermark is None else each.watermark)
    if held.watermark is None:
        behind = "it has shown no record yet"
    elif (ahead - held.watermark) / SECOND >= BEHIND_S:
        behind = f"others are {duration((ahead - held.watermark) / SECOND)} ahead of it"
    else:
        return
    if held.rate > 0:
        return
    yield Finding(
        Fault.IDLE_PARTITION,
        f"partition {held.partition} of source {held.source} on {held.worker} holds event time: "
        f"no record comes from it, and {behind}",
        (
            "windows and timers of event time wait for it",
            "w.event_time(…, idle=…) leaves a partition out of account when nothing comes",
        ),
        held.source,
    )


def _failures(cluster: ClusterStatus) -> Iterator[Finding]:
    rates: dict[str, float] = {}
    for status in cluster.workers:
        for stage in status.stages:
            if stage.failed_rate > 0:
                rates[stage.name] = rates.get(stage.name, 0.0) + stage.failed_rate
    for name, rate in sorted(rates.items(), key=lambda each: -each[1]):
        instances = [s for status in cluster.workers for s in status.stages if s.name == name]
        samples = [each for stage in instances for each in stage.failures]
        last = max(samples, key=lambda each: each.at, default=None)
        letters = sum(stage.dead_letters for stage in instances)
        skipped = sum(stage.skipped for stage in instances)
        why = f": {last.computation}: {last.error}" if last is not None else ""
        evidence = [f"{letters:,} went to dead letters, {skipped:,} were skipped so far"]
        if last is not None:
            evidence.append(f"{last.file}:{last.line}, record {last.record}")
        yield Finding(
            Fault.DEAD_LETTERS,
            f"records fail in stage {name}, {rate:,.1f} a second{why}",
            (*evidence, "wallarooctl errors shows the last ones"),
            name,
        )


def _late(cluster: ClusterStatus) -> Iterator[Finding]:
    found: dict[str, list[float]] = {}
    for status in cluster.workers:
        for stage in status.stages:
            of = found.setdefault(stage.name, [0.0, 0.0])
            of[0] += stage.late_rate
            of[1] += stage.rate
    for name, (late, rate) in found.items():
        if late <= 0 or late < LATE_SHARE * rate:
            continue
        causes: dict[str, int] = {}
        for status in cluster.workers:
            for stage in status.stages:
                for cause, count in stage.late if stage.name == name else ():
                    causes[cause] = causes.get(cause, 0) + count
        share = f", {late / rate:.0%} of what it gets" if rate >= late else ""
        yield Finding(
            Fault.LATE_RECORDS,
            f"records come too late for stage {name}: {late:,.1f} a second{share}",
            (
                ", ".join(f"{count:,} {cause}" for cause, count in sorted(causes.items())),
                "a larger out_of_order= or lateness= takes more of them in, and waits longer",
            ),
            name,
        )


def _growing(cluster: ClusterStatus) -> Iterator[Finding]:
    keys: dict[str, list[float]] = {}
    for status in cluster.workers:
        for stage in status.stages:
            for each in (size for size in stage.states if size.settled):
                of = keys.setdefault(each.computation, [0, 0, 0, 0.0])
                of[0] += each.keys
                of[1] += each.keys_before
                of[2] += each.bytes
                of[3] = max(of[3], each.before_s)
    for name, (now, before, size, before_s) in keys.items():
        if now < KEYS or now < GROWTH * max(1.0, before):
            continue
        yield Finding(
            Fault.GROWING_STATE,
            f"the state of computation {name} grows: {now:,.0f} keys, {now - before:,.0f} more "
            f"than {duration(before_s)} ago",
            (
                f"about {size:,.0f} bytes in a checkpoint",
                "wallarood plan says which state has no end; ttl= gives it one",
            ),
            name,
        )
