"""The metrics of a worker for a collector: names, units, and since when a counter counts."""

import attrs
from support.clusters import full_status

from wallarood.admin.metrics.names import METRICS, Form
from wallarood.admin.status import Status
from wallarood.telemetry.points import Points, Series


def with_records(count: int) -> Status:
    status = full_status()
    stages = tuple(attrs.evolve(each, records_in=count) for each in status.stages)
    return attrs.evolve(status, stages=stages)


def since(points: Points, name: str) -> set[int]:
    return {each.since_ns for each in points.points if each.name == name}


def test_every_metric_but_those_of_another_form_has_points() -> None:
    points = Series(1).of(full_status(), 5)
    found = {each.metric.name for each in points.points}
    others = {each.name for each in METRICS if each.form in (Form.INFO, Form.HISTOGRAM)}
    assert found == {each.name for each in METRICS} - others - {"up"}
    assert points.delivery.bounds_s


def test_names_are_those_of_the_exposition_without_what_a_counter_ends_with() -> None:
    units = {each.name: each.unit for each in Series(1).of(full_status(), 5).points}
    assert units["wallarood_stage_records_in"] == ""
    assert units["wallarood_memory_bytes"] == "By"
    assert units["wallarood_checkpoint_age_seconds"] == "s"
    assert units["wallarood_stage_busy_ratio"] == "1"


def test_a_counter_that_has_become_less_began_again_after_the_last_time() -> None:
    series, name = Series(100), "wallarood_stage_records_in"
    assert since(series.of(with_records(5), 200), name) == {100}
    assert since(series.of(with_records(9), 300), name) == {100}
    assert since(series.of(with_records(2), 400), name) == {300}
    assert since(series.of(with_records(8), 500), name) == {300}
    assert since(series.of(with_records(8), 600), "wallarood_memory_bytes") == {100}
