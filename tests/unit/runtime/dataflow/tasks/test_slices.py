"""The size of a slice follows what the records before have cost."""

from structlog.testing import capture_logs

from wallarood.app.connector import SourceLimits
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.limits import JobLimits
from wallarood.runtime.dataflow.tasks.slices import Slices


def slices(*, inline: bool = True) -> Slices:
    limits = JobLimits(SourceLimits(), 4, 0.005, 60.0)
    return Slices("count", limits, StageCounters(), inline)


def test_a_slice_grows_to_what_fits_into_the_budget_four_times_at_once() -> None:
    made = slices()
    made.took(16, 0.0001, None, made=16)
    assert made.records == 64
    made.took(64, 0.005, None, made=64)
    assert made.records == 64
    made.took(64, 0.05, None, made=64)
    assert made.records == 6


def test_what_awaits_takes_as_much_as_there_may_be() -> None:
    made = slices(inline=False)
    made.took(16, 4.0, None, made=16)
    assert made.records == SourceLimits().batch_records_max
    assert not made.is_small(1)
    assert made.counters.overruns == 0


def test_a_call_of_more_than_a_second_is_counted_and_told_of() -> None:
    made = slices()
    with capture_logs() as said:
        made.took(10, 1.5, None, made=10)
    assert made.counters.overruns == 1
    assert "blocked the event loop for 1.5 s" in said[0]["event"]


def test_a_few_records_are_small_where_many_fit() -> None:
    made = slices()
    made.records = 160
    assert made.is_small(10)
    assert not made.is_small(11)
