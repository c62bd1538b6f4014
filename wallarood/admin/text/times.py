"""Event time in words: how far it has come, and which source partition holds it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from wallarood.admin.status import SourceStatus, Status
from wallarood.model.time import MAX_TIME, SECOND, Condition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOLDS = {
    Condition.ACTIVE.value: "has not read further",
    Condition.UNOPENED.value: "has not been opened yet",
}


def held_by(sources: Sequence[SourceStatus]) -> str:
    """Which partition holds event time, and why, in words; empty if none does."""
    holding = [each for each in sources if each.condition in _HOLDS]
    if not holding:
        return ""
    unknown = [each for each in holding if each.watermark is None]
    first = min(unknown or holding, key=lambda each: each.watermark or 0)
    why = _HOLDS[first.condition]
    if first.watermark is None and first.condition == Condition.ACTIVE.value:
        why = "has shown no record yet"
    more = f", and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"partition {first.partition} of {first.source} on {first.worker}, which {why}{more}"


def time_line(status: Status, now: int) -> str:
    """How far event time has come on a worker, in a line; empty if nothing there has any."""
    sources = [each for each in status.sources if each.condition]
    stages = [each.watermark for each in status.stages if each.watermark is not None]
    if not sources or not stages:
        return ""
    time, behind = shown(min(stages), now)
    held = held_by(sources)
    return (
        f"{time}"
        + (f", {behind} behind the clock" if behind else "")
        + (f"; held by {held}" if held else "")
    )


def shown(watermark: int | None, now: int) -> tuple[str | None, str]:
    """A watermark as a date, and how far behind the wall clock it is."""
    if watermark is None:
        return None, ""
    if watermark == MAX_TIME:
        return "the end", ""
    try:
        when = _EPOCH + timedelta(microseconds=watermark)
    except OverflowError:
        return f"{watermark / SECOND:,.0f} s", ""
    return when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z", f"{(now - watermark) / SECOND:,.1f} s"
