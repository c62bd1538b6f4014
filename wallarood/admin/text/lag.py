"""How far sources are behind what there is, and when they will have caught up."""

import attrs

from wallarood.admin.status import ClusterStatus, SourceStatus
from wallarood.admin.text.table import duration, table
from wallarood.model.time import MAX_TIME, SECOND


@attrs.frozen
class Lag:
    """One partition. `caught_up_s` is None if it does not come nearer, or nothing is known."""

    source: str
    partition: str
    worker: str
    rate: float
    records: int | None
    bytes: int | None
    behind_s: float | None
    caught_up_s: float | None


def lags(before: ClusterStatus, after: ClusterStatus, *, passed_s: float, now: int) -> list[Lag]:
    """Each partition, by two looks; *now* is the wall clock, in microseconds since 1970 UTC."""
    seen = {
        (each.source, each.partition): each for status in before.workers for each in status.sources
    }
    found = []
    for status in after.workers:
        for each in status.sources:
            earlier = seen.get((each.source, each.partition))
            stamp = each.watermark if each.watermark not in (None, MAX_TIME) else None
            found.append(
                Lag(
                    each.source,
                    each.partition,
                    each.worker,
                    each.rate,
                    0 if each.ended else each.lag_records,
                    each.lag_bytes,
                    None if stamp is None or each.ended else max(0.0, (now - stamp) / SECOND),
                    _caught_up_s(earlier, each, passed_s),
                )
            )
    return found


def _caught_up_s(before: SourceStatus | None, after: SourceStatus, passed_s: float) -> float | None:
    """When nothing is left, if it goes on as between two looks."""
    if after.ended:
        return 0.0
    for left, had in (
        (after.lag_records, before.lag_records if before is not None else None),
        (after.lag_bytes, before.lag_bytes if before is not None else None),
    ):
        if left is None:
            continue
        if left == 0:
            return 0.0
        if had is None or had <= left:
            return None
        return left * passed_s / (had - left)
    return None


def lag_text(found: list[Lag], silent: tuple[str, ...]) -> str:
    """The partitions, the one with most left first."""
    if not found:
        return "no source partition is read here"
    heads = (
        *("source", "partition", "worker", "per s", "records left", "bytes left"),
        *("behind the clock", "caught up in"),
    )
    rows = [
        (
            each.source,
            each.partition,
            each.worker,
            round(each.rate),
            each.records,
            each.bytes,
            "-" if each.behind_s is None else duration(each.behind_s),
            _in(each),
        )
        for each in sorted(found, key=lambda each: -(each.records or each.bytes or 0))
    ]
    text = table(heads, rows)
    if silent:
        text += f"\n\nno answer from {', '.join(silent)}: their partitions are missing"
    return text


def _in(each: Lag) -> str:
    if each.caught_up_s is not None:
        return "caught up" if each.caught_up_s == 0 else duration(max(1.0, each.caught_up_s))
    return "-" if each.records is None and each.bytes is None else "not at this rate"
