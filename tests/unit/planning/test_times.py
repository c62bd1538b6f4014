"""Advice about event time: many partitions that do not follow each other."""

from typing import Any

import pytest

import wallarood as w
from wallarood.model.messages import Listing
from wallarood.planning.explain import as_json, as_text
from wallarood.planning.plan import plan
from wallarood.planning.times import advice_of_time, describe_time


def advice(partitions: int, source: Any, **options: Any) -> list[str]:
    time = w.event_time(lambda number: number, unit="s", **options)
    stream = w.source("in", source, parse=int, time=time)
    app = w.application("a", stream.to_sink(w.ListSink([])))
    return advice_of_time(app, [Listing("in", tuple(map(str, range(partitions))))])


def test_more_files_than_are_read_at_a_time_hold_each_other_up() -> None:
    (line,) = advice(9, w.FileSource("*.txt"))
    assert line.startswith("source 'in' has 9 partitions, of which 8 are read at a time")
    assert "ordered=True" in line


@pytest.mark.parametrize(
    ("partitions", "source", "options"),
    [
        (8, w.FileSource("*.txt"), {}),
        (9, w.FileSource("*.txt"), {"ordered": True}),
        (9, w.FileSource("*.txt", follow=True), {}),
    ],
)
def test_where_none_waits_nothing_is_said(
    partitions: int, source: Any, options: dict[str, Any]
) -> None:
    assert advice(partitions, source, **options) == []


def test_sources_without_event_time_are_left_alone() -> None:
    app = w.application("a", w.source("in", w.FileSource("*.txt")).to_sink(w.ListSink([])))
    assert advice_of_time(app, [Listing("in", tuple(map(str, range(99))))]) == []


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        (w.tumbling("7d"), 1),
        (w.tumbling("14d"), 1),
        (w.hopping("14d", every="7d"), 1),
        (w.tumbling("7d", offset="4d"), 0),
        (w.hopping("7d", every="1d"), 0),
        (w.tumbling("1d"), 0),
        (w.session("7d"), 0),
        (w.calendar("week", tz="UTC"), 0),
    ],
)
def test_weeks_from_thursday_are_told_of(windows: Any, told: int) -> None:
    stream = w.source("in", w.ListSource([1]), time=w.event_time(float, unit="s"))
    counts = stream.key_by(str).window(windows).aggregate(w.count(), name="weeks")
    lines = advice_of_time(w.application("a", counts.to_sink(w.ListSink([]))), [])
    assert len(lines) == told
    for line in lines:
        assert line.startswith(f"{__file__}:")
        assert f"windows of weeks, {windows.shown}, begin on Thursdays" in line


def test_a_plan_says_how_records_are_stamped_and_what_moves_time() -> None:
    def said(time: Any) -> str:
        stream = w.source("in", w.ListSource([1]), time=time)
        app = w.application("a", stream.to_sink(w.ListSink([])))
        topology = plan(app, ("one",), ())
        times = describe_time(app)
        assert f"  time:      in-time: {times['in-time']}" in as_text(topology, times=times)
        assert f'"in-time": "{times["in-time"]}"' in as_json(topology, times=times)
        return times["in-time"]

    assert said(w.event_time(float, unit="s")) == (
        "from a function, up to 5s out of order, partitions idle after 1min"
    )
    assert said(w.ingest_time()).startswith("the clock of the worker that reads a record, ")
    strict = w.event_time(
        float, unit="s", ordered=True, drift="1h", idle=None, when_all_idle="hold"
    )
    assert said(strict) == (
        "from a function, up to 5s out of order, partitions never idle, follow each other by name, "
        "at most 1h apart, time stands still when all are idle"
    )
