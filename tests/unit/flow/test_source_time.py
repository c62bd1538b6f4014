"""The watermark of a source: the least over its active partitions, and it never falls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.flow.source_time import PASSING_EVERY, PASSING_MAX, SourceTime
from wallarood.model.batch import Watermark
from wallarood.model.time import MAX_TIME, MIN_TIME, Condition, TimeSettings, WhenAllIdle

SECOND = 1_000_000
HOLD = TimeSettings(out_of_order=0, when_all_idle=WhenAllIdle.HOLD)


def source(*names: str, settings: TimeSettings = HOLD) -> SourceTime:
    """A source with these partitions, all of them open."""
    time = SourceTime(settings)
    time.expect(names)
    for name in names:
        time.tell(name, Condition.ACTIVE)
    return time


def test_it_is_the_highest_stamp_less_what_may_come_out_of_order() -> None:
    time = source("0", settings=TimeSettings(out_of_order=5 * SECOND))
    time.observe("0", 12 * SECOND)
    time.observe("0", 7 * SECOND)
    assert time.advance(0) == 7 * SECOND


def test_the_slowest_partition_decides() -> None:
    time = source("0", "1")
    time.observe("0", 9)
    assert time.advance(0) == MIN_TIME
    time.observe("1", 4)
    assert time.advance(0) == 4


def test_a_partition_that_is_not_opened_yet_holds_it() -> None:
    time = SourceTime(HOLD)
    time.expect(["0", "1"])
    time.tell("0", Condition.ACTIVE)
    time.observe("0", 9)
    time.tell("0", Condition.ENDED)
    assert time.advance(0) == MIN_TIME
    time.tell("1", Condition.ACTIVE)
    time.observe("1", 3)
    assert time.advance(0) == 3


def test_where_partitions_follow_each_other_one_not_opened_counts_as_the_one_before() -> None:
    time = SourceTime(TimeSettings(out_of_order=0, ordered=True))
    time.expect(["b", "a", "c"])
    time.tell("a", Condition.ACTIVE)
    time.observe("a", 9)
    assert time.advance(0) == 9
    time.tell("a", Condition.ENDED)
    time.tell("b", Condition.ACTIVE)
    assert time.advance(0) == 9
    time.observe("b", 12)
    assert time.advance(0) == 12


def test_an_idle_partition_holds_nobody_up_and_comes_back_without_moving_time_back() -> None:
    time = source("0", "1")
    time.observe("0", 200)
    time.observe("1", 20)
    time.tell("1", Condition.IDLE)
    assert time.advance(0) == 200
    time.observe("1", 30)
    time.observe("0", 300)
    assert not time.idle
    assert time.advance(0) == 200
    time.observe("1", 250)
    assert time.advance(0) == 250


@pytest.mark.parametrize("order", [("0", "1"), ("1", "0")])
def test_when_all_are_idle_the_highest_counts(order: tuple[str, str]) -> None:
    time = source("0", "1")
    time.observe("0", 5)
    time.observe("1", 4)
    for name in order:
        time.tell(name, Condition.IDLE)
        time.advance(0)
    assert time.idle
    assert time.advance(0) == 5
    assert time.advance(60 * SECOND) == 5


def test_when_all_are_idle_it_goes_on_by_the_time_that_passes_and_never_jumps_to_the_clock() -> (
    None
):
    time = source("0", settings=TimeSettings(out_of_order=5 * SECOND))
    now = 1_700_000_000 * SECOND
    time.observe("0", 100 * SECOND)
    time.tell("0", Condition.IDLE)
    assert time.advance(now) == 95 * SECOND
    assert time.wall_due == now + PASSING_EVERY
    assert time.advance(now + 2 * SECOND) == 97 * SECOND
    time.observe("0", 101 * SECOND)
    assert time.wall_due is not None
    assert time.advance(now + 3 * SECOND) == 97 * SECOND
    assert time.wall_due is None


def test_a_stall_of_our_own_and_a_clock_that_is_set_do_not_count_as_time_that_passes() -> None:
    time = source("0", settings=TimeSettings(out_of_order=0))
    time.observe("0", 0)
    time.tell("0", Condition.IDLE)
    time.advance(1000 * SECOND)
    assert time.advance(9000 * SECOND) == PASSING_MAX
    assert time.advance(8000 * SECOND) == PASSING_MAX


def test_what_has_ended_does_not_count_and_at_the_end_of_all_time_is_over() -> None:
    time = source("0", "1")
    time.observe("0", 3)
    time.observe("1", 8)
    time.tell("0", Condition.ENDED)
    assert time.advance(0) == 8
    time.tell("1", Condition.ENDED)
    assert time.advance(0) == MAX_TIME
    assert source().advance(0) == MAX_TIME


def test_an_idle_partition_beside_one_that_has_ended_does_not_end_time() -> None:
    time = source("0", "1")
    time.observe("0", 3)
    time.tell("0", Condition.ENDED)
    time.tell("1", Condition.IDLE)
    assert time.advance(0) == 3


def test_a_restored_source_stands_where_it_stood() -> None:
    before = source("0", "1")
    before.observe("0", 200)
    before.observe("1", 150)
    before.advance(0)
    after = SourceTime(HOLD)
    after.decode(before.encode())
    after.expect(["0", "1"])
    assert after.watermark == 150
    assert after.highest("0") == 200
    after.tell("0", Condition.ACTIVE)
    after.tell("1", Condition.ACTIVE)
    after.observe("0", 5)
    assert after.advance(0) == 150


def test_a_partition_that_went_does_not_hold_time_after_a_restart() -> None:
    before = source("0", "gone")
    after = SourceTime(HOLD)
    after.decode(before.encode())
    after.expect(["0"])
    after.tell("0", Condition.ACTIVE)
    after.observe("0", 7)
    assert after.advance(0) == 7


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(-9, 99) | st.sampled_from(list(Condition))),
    max_size=30,
)


@given(STEPS, st.booleans())
def test_it_never_falls_whatever_its_partitions_do(
    steps: list[tuple[str, int | Condition]], ordered: bool
) -> None:
    time = SourceTime(TimeSettings(out_of_order=0, ordered=ordered))
    time.expect("abc")
    last, now = MIN_TIME, 0
    for name, what in steps:
        if isinstance(what, Condition):
            time.tell(name, what)
        else:
            time.observe(name, what)
        now += SECOND
        watermark = time.advance(now)
        assert watermark >= last
        last = watermark


def test_a_partition_that_had_ended_and_has_more_after_a_restart_holds_time_again() -> None:
    time = SourceTime(TimeSettings(out_of_order=0))
    time.expect(["a"])
    time.observe("a", 100)
    time.tell("a", Condition.ENDED)
    assert time.advance(0) == MAX_TIME
    restored = SourceTime(time.settings)
    restored.decode(time.encode())
    restored.expect(["a"])
    restored.tell("a", Condition.ACTIVE)
    restored.observe("a", 110)
    assert restored.advance(0) == 110
    restored.tell("a", Condition.ENDED)
    assert restored.advance(0) == MAX_TIME


def test_at_its_end_it_says_first_where_the_furthest_partition_stands() -> None:
    time = source("0", "1", settings=TimeSettings(out_of_order=5))
    time.observe("0", 105)
    time.observe("1", 12)
    assert time.tell_all(0) == (Watermark(7),)
    time.tell("0", Condition.ENDED)
    assert time.tell_all(0) == (Watermark(7),)
    time.tell("1", Condition.ENDED)
    assert time.tell_all(0) == (Watermark(100), Watermark(MAX_TIME))
    assert time.tell_all(0) == ()


def test_at_its_end_it_says_what_it_was_too_soon_to_say_before() -> None:
    time = source("0")
    time.observe("0", 100)
    assert time.tell_end(7) == (Watermark(100), Watermark(MAX_TIME))
    assert time.tell_end(100) == (Watermark(MAX_TIME),)
    assert SourceTime(HOLD).tell_end(MIN_TIME) == (Watermark(MAX_TIME),)
