"""Event time of a whole cluster: each partition and stage, and who waits for whom."""

import attrs

from wallarood.admin.status import ClusterStatus, JobState, SourceStatus, StageStatus, Status
from wallarood.admin.text.watermarks import watermarks_text
from wallarood.model.time import MAX_TIME, SECOND

NOW = 1_735_689_600 * SECOND


def source(partition: str, condition: str, watermark: int | None) -> SourceStatus:
    return SourceStatus("in", partition, "alpha", watermark=watermark, condition=condition)


def status(*sources: SourceStatus, watermark: int | None = NOW) -> Status:
    stages = (StageStatus(0, "in", "source", watermark=watermark, late=(("closed", 1200),)),)
    return Status("alpha", "1", JobState.RUNNING, "running", 1.0, stages=stages, sources=sources)


def test_the_table_has_each_partition_and_stage_and_what_was_late() -> None:
    ended = source("b", "ended", MAX_TIME)
    text = watermarks_text(ClusterStatus(status(source("a", "active", None), ended)), NOW)
    assert "held by: partition a of in on alpha, which has shown no record yet" in text
    assert "1,200 closed" in text
    assert "the end" in text


def test_without_event_time_that_is_said() -> None:
    plain = attrs.evolve(status(), sources=(source("a", "", None),))
    assert "no source of this application has event time" in watermarks_text(
        ClusterStatus(plain), NOW
    )


def test_a_stream_that_waits_for_its_table_is_named_once() -> None:
    one = status(source("a", "active", NOW))
    stages = (attrs.evolve(one.stages[0], name="enrich", waits="its table is being read"),)
    one = attrs.evolve(one, stages=stages)
    text = watermarks_text(ClusterStatus(one, (attrs.evolve(one, worker="beta"),)), NOW)
    assert text.count("enrich waits: its table is being read") == 1
