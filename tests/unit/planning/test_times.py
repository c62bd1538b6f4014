"""Advice about event time: many partitions that do not follow each other."""

from typing import Any

import pytest

import wallarood as w
from wallarood.model.messages import Listing
from wallarood.planning.times import advice_of_time


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
