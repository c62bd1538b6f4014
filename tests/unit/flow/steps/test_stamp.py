"""The operator that stamps: what it takes, what it leaves to on_error, and what it observes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.compiling import first_of

import wallarood as w
from wallarood.flow.compile import Inline, compile_stage, make_states
from wallarood.flow.failures import ComputationFailed, Failure
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.model.batch import Batch

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND


class Stamping:
    """The first segment of a source that is stamped, and how far it has come."""

    def __init__(self, time: Any, *, parse: Any = None) -> None:
        stream = w.source("in", w.ListSource([]), parse=parse, time=time)
        application, stage = first_of(stream.to_sink(w.ListSink([])))
        states = make_states(application, stage)
        (segment,) = compile_stage(application, stage, states, wall=lambda: self.now)
        assert isinstance(segment, Inline)
        self.now = NOW
        self.segment = segment
        self.failures: list[Failure] = []
        state = states["in-time"]
        assert isinstance(state, AtOnce)
        assert isinstance(state.of, SourceTime)
        self.time = state.of

    def run(self, records: list[Any], runs: list[tuple[str, int]] | None = None) -> Batch:
        return self.segment.run(Batch(records, runs=runs), self.failures)


def test_each_record_has_the_stamp_that_the_function_says() -> None:
    stamping = Stamping(w.event_time(lambda record: record / 2, unit="s"))
    assert stamping.run([3, 1]) == Batch([3, 1], times=[1_500_000, 500_000])
    dates = Stamping(w.event_time(lambda day: datetime(1970, 1, day, tzinfo=UTC)))
    assert dates.run([2]) == Batch([2], times=[86_400 * SECOND])


def test_what_is_parsed_from_a_message_has_a_stamp_each() -> None:
    @w.computation_multi
    def split(line: str) -> list[int]:
        return [int(part) for part in line.split()]

    stamping = Stamping(w.event_time(lambda record: record, unit="us"), parse=split)
    done = stamping.run(["1 2", "", "9"], [("p", 2), ("q", 1)])
    assert done == Batch([1, 2, 9], times=[1, 2, 9])
    assert stamping.time.highest("p") == 2
    assert stamping.time.highest("q") == 9


BAD = [None, float("nan"), datetime(2025, 1, 1), "soon", True, (NOW + 3601 * SECOND) / SECOND]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_stamp_fails_its_record_alone_and_does_not_move_time(bad: Any) -> None:
    time = w.event_time(lambda record: record, unit="s", on_error="skip")
    stamping = Stamping(time)
    assert stamping.run([1, bad, 2.0], [("p", 3)]).values == [1, 2.0]
    assert stamping.time.highest("p") == 2 * SECOND
    (failure,) = stamping.failures
    assert failure.letter.computation == "in-time"
    assert failure.letter.file == __file__


def test_a_bad_stamp_stops_the_job_unless_told_otherwise_and_names_the_line() -> None:
    stamping = Stamping(w.event_time(lambda record: record, unit="s"))
    with pytest.raises(ComputationFailed, match=r"test_stamp\.py:\d+: .*found None") as caught:
        stamping.run([None])
    assert "record: None" in str(caught.value)


def test_an_error_of_the_function_is_left_to_on_error_too() -> None:
    stamping = Stamping(w.event_time(lambda record: 1 / record, unit="s", on_error="skip"))
    assert stamping.run([1, 0, 2]).values == [1, 2]
    assert "ZeroDivisionError" in stamping.failures[0].letter.error


def test_a_stamp_as_far_ahead_of_the_clock_as_allowed_is_taken() -> None:
    stamping = Stamping(w.event_time(lambda record: record, unit="us", future="1s"))
    assert stamping.run([NOW + SECOND]).times == [NOW + SECOND]
    with pytest.raises(ComputationFailed, match=r"1s1us ahead of the clock.*at most 1s"):
        stamping.run([NOW + SECOND + 1])


def test_the_time_of_reading_never_goes_back() -> None:
    stamping = Stamping(w.ingest_time())
    assert stamping.run(["a", "b"], [("p", 2)]).times == [NOW, NOW]
    stamping.now -= SECOND
    assert stamping.run(["c"], [("p", 1)]).times == [NOW]
    assert stamping.run(["d"], [("q", 1)]).times == [NOW - SECOND]
