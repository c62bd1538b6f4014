"""Declaring event time: what is refused, with the line, and which steps keep stamps."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

import wallarood as w
from wallarood.app.streams.nodes import need_time

TEXTS = w.ListSource(["1"], record=str)
NUMBERS = w.ListSource([1], record=int)


def stamped(name: str = "in") -> Any:
    return w.source(name, NUMBERS, time=w.event_time(lambda number: number, unit="s"))


def of_number(record: int) -> float:
    return float(record)


async def asks(record: int) -> datetime:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: w.event_time(of_number), "returns a number: set unit="),
        (lambda: w.event_time(of_number, unit="m"), "unit='m': expected 's', 'ms' or 'us'"),
        (lambda: w.event_time(asks), "neither awaits nor blocks"),
        (lambda: w.event_time(of_number, unit="s", out_of_order="5"), "found '5', expected a span"),
        (lambda: w.event_time(of_number, unit="s", out_of_order="-1s"), "at least 0s"),
        (lambda: w.event_time(of_number, unit="s", idle="0s"), "idle='0s': expected more than 0s"),
        (lambda: w.event_time(of_number, unit="s", drift=timedelta(0)), "expected more than 0s"),
        (lambda: w.event_time(of_number, unit="s", when_all_idle="no"), "'advance' or 'hold'"),
        (lambda: w.event_time(of_number, unit="s", ordered=1), "expected True or False"),
        (lambda: w.event_time(of_number, unit="s", on_error="no"), "expected 'stop', 'skip'"),
        (lambda: w.source("in", NUMBERS, time="5s"), "expected w.event_time(…) or w.ingest_time()"),
        (lambda: w.source("in", NUMBERS, time=w.event_time()), "has no stamps of its own"),
        (
            lambda: w.source("in", TEXTS, time=w.event_time(of_number, unit="s")),
            "event_time expects int, but the records are str",
        ),
        (lambda: w.source("in", NUMBERS, parse=asks), "parse=asks awaits or blocks"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_error_that_names_the_line(make: Any, why: str) -> None:
    with pytest.raises(w.PipelineError) as caught:
        make()
    assert why in str(caught.value)
    assert re.match(rf"{re.escape(__file__)}:\d+: ", str(caught.value))


def test_stamps_stay_with_simple_computations_keys_and_aggregates() -> None:
    stream = stamped().map(lambda number: number).filter(bool).flat_map(lambda number: [number])
    for each in (stream, stream.key_by(lambda n: n), stream.collect(), stream.redistribute()):
        assert each._at.node.stamped
    assert stream.key_by(lambda n: n).aggregate(w.count())._at.node.stamped


def test_a_batch_computation_loses_them_and_what_needs_time_after_it_is_refused() -> None:
    @w.computation_batch
    def together(numbers: list[int]) -> list[int]:
        return numbers

    lost = stamped().to(together)
    assert not lost._at.node.stamped
    with pytest.raises(w.PipelineError, match=r"window needs event time, which together .* takes"):
        need_time(lost._at.node, "window")
    with pytest.raises(w.PipelineError, match="window needs event time: give the source time="):
        need_time(w.source("plain", NUMBERS)._at.node, "window")


def test_merging_stamped_with_unstamped_streams_is_refused() -> None:
    with pytest.raises(w.PipelineError, match="some of these streams have event time, and some"):
        stamped().merge(w.source("plain", NUMBERS))
    both = stamped("one").merge(stamped("two"))
    assert both._at.node.stamped


def test_whether_records_are_stamped_is_in_the_fingerprint() -> None:
    def lines(stream: Any) -> str:
        return "\n".join(w.application("a", stream.to_sink(w.ListSink([]))).fingerprint)

    assert "stamp in-time: carries int; from in[0]; stamped" in lines(stamped())
    assert "stamped" not in lines(w.source("in", NUMBERS))
