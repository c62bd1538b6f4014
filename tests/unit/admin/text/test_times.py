"""Event time in words: which partition holds it, and how far it is behind."""

import pytest

from wallarood.admin.status import JobState, SourceStatus, StageStatus, Status
from wallarood.admin.text.times import held_by, time_line
from wallarood.model.time import SECOND

NOW = 1_735_689_600 * SECOND


def source(partition: str, condition: str, watermark: int | None) -> SourceStatus:
    return SourceStatus("in", partition, "alpha", watermark=watermark, condition=condition)


def status(*sources: SourceStatus, watermark: int | None = NOW) -> Status:
    stages = (StageStatus(0, "in", "source", watermark=watermark, late=(("closed", 1200),)),)
    return Status("alpha", "1", JobState.RUNNING, "running", 1.0, stages=stages, sources=sources)


@pytest.mark.parametrize(
    ("sources", "held"),
    [
        ([source("a", "active", 5), source("b", "active", 9)], "partition a of in on alpha, which"),
        ([source("a", "idle", 5), source("b", "active", 9)], "partition b of in"),
        ([source("a", "active", 5), source("b", "unopened", None)], "b of in on alpha, which has"),
        ([source("a", "active", None)], "which has shown no record yet"),
        ([source("a", "idle", 5), source("b", "ended", 9)], ""),
    ],
)
def test_the_slowest_partition_that_reads_holds_time(
    sources: list[SourceStatus], held: str
) -> None:
    assert held in held_by(sources)
    assert bool(held) is bool(held_by(sources))


def test_the_line_of_status_has_the_watermark_how_far_behind_and_who_holds_it() -> None:
    line = time_line(status(source("a", "active", NOW - SECOND)), NOW + 2 * SECOND)
    assert line == (
        "2025-01-01 00:00:00.000Z, 2.0 s behind the clock; "
        "held by partition a of in on alpha, which has not read further"
    )
    assert time_line(status(source("a", "", None)), NOW) == ""
