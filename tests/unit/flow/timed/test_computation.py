"""Timed computations: the cases of their definition, and random work against a naive oracle."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from support.timed import SECOND, Driven, computation

from wallarood.flow.failures import ComputationFailed
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.computations import TimedSpec


@attrs.define
class Seen:
    values: list[Any] = attrs.field(factory=list)


def timed(function: Any, *, timeless: str = "", on_error: Any = None, **more: Any) -> Driven:
    spec = TimedSpec(not timeless, **more)
    made = computation(
        spec, function, state=Seen, on_error=on_error or ErrorPolicy.STOP, with_key=False
    )
    return Driven(TimedComputation, made, Row, stamped=not timeless)


def set_timer(record: Any, seen: Seen, timers: Any) -> None:
    """A record is (name, seconds) of a timer to set, or what is to be kept."""
    seen.values.append(record)
    if type(record) is tuple:
        timers.at(round(record[1] * SECOND), record[0])


def name_of(name: str, seen: Seen, timers: Any) -> str:
    return name


def with_key(name: str, seen: Seen, timers: Any, *, key: Any) -> tuple[Any, str]:
    return key, name


def test_timers_fire_in_the_order_of_time_key_and_name() -> None:
    work = timed(set_timer, on_timer=name_of)
    work.feed([("k", 0, ("b", 10)), ("k", 0, ("a", 10)), ("k", 0, ("c", 5)), ("j", 0, ("z", 10))])
    work.watermark(4.999999)
    assert work.out == []
    work.watermark(10)
    assert work.out == [
        ("k", "c", 5 * SECOND), ("j", "z", 10 * SECOND),
        ("k", "a", 10 * SECOND), ("k", "b", 10 * SECOND),
    ]  # fmt: skip


def test_there_is_one_timer_of_a_name_and_it_can_be_postponed_advanced_and_cancelled() -> None:
    def change(record: str, seen: Seen, timers: Any) -> None:
        match record:
            case "cancel":
                timers.cancel("t")
            case _:
                timers.at(int(record) * SECOND, "t")

    work = timed(change, on_timer=name_of)
    work.one("k", 0, "10")
    work.one("k", 0, "20")
    work.watermark(19)
    assert work.out == []
    work.one("k", 19, "25")
    work.one("k", 19, "22")
    work.watermark(22)
    assert work.out == [("k", "t", 22 * SECOND)]
    work.watermark(30)
    work.one("k", 30, "40")
    work.one("k", 30, "cancel")
    work.end()
    assert len(work.out) == 1


def test_after_counts_from_the_record_and_from_the_timer() -> None:
    def start(record: str, seen: Seen, timers: Any) -> None:
        timers.after("10s")

    def again(name: str, seen: Seen, timers: Any) -> int:
        timers.after("5s")
        return int(timers.watermark)

    work = timed(start, on_timer=again)
    work.one("k", 7)
    work.watermark(27)
    assert [time for _, _, time in work.out] == [17 * SECOND, 22 * SECOND, 27 * SECOND]
    assert work.results == [17 * SECOND, 22 * SECOND, 27 * SECOND]


def test_a_timer_that_sets_itself_again_fires_once_at_the_end() -> None:
    def again(name: str, seen: Seen, timers: Any) -> str:
        timers.after("1s")
        return "fired"

    work = timed(set_timer, on_timer=again)
    work.one("k", 0, ("t", 100))
    work.end()
    assert work.results == ["fired"]


def test_a_timer_that_is_set_at_the_end_fires_in_no_later_life() -> None:
    def again(name: str, seen: Seen, timers: Any) -> str:
        timers.after("1s")
        return "fired"

    work = timed(set_timer, on_timer=again)
    work.one("k", 0, ("t", 100))
    work.end()
    work.checkpoint()
    work.crash()
    work.one("j", 7, ("t", 8))
    work.end()
    assert work.out == [("k", "fired", 100 * SECOND), ("j", "fired", 8 * SECOND)]


def test_a_timer_set_for_the_past_fires_with_the_next_watermark_and_goes_not_round() -> None:
    def again(name: str, seen: Seen, timers: Any) -> str:
        timers.at(0, "t")
        return "fired"

    work = timed(set_timer, on_timer=again)
    work.watermark(50)
    work.one("k", 50, ("t", 10))
    work.watermark(51)
    work.watermark(52)
    assert work.results == ["fired", "fired"]


def test_timers_survive_a_crash_with_the_keys_as_they_were() -> None:
    work = timed(set_timer, on_timer=with_key, timer_with_key=True)
    work.feed([(True, 0, ("t", 5)), (("x", 1), 0, ("t", 6)), ("s", 0, ("t", 7))])
    work.checkpoint()
    work.feed([("lost", 0, ("t", 8)), ("s", 0, ("t", 9))])
    work.crash()
    work.watermark(100)
    assert work.results == [(True, "t"), (("x", 1), "t"), ("s", "t")]


def test_wall_timers_fire_by_the_wall_clock_with_the_watermark_as_time() -> None:
    def start(record: str, seen: Seen, timers: Any) -> None:
        timers.after("10s", "t", wall=True)

    work = timed(start, on_timer=name_of)
    work.watermark(3)
    work.wall(100)
    work.one("k", 5)
    work.checkpoint()
    work.crash()
    work.wall(109)
    assert work.out == []
    work.wall(110)
    assert work.out == [("k", "t", 3 * SECOND)]
    assert work.operator.wall_due is None


def test_without_times_only_the_wall_clock_can_be_asked_for() -> None:
    work = timed(set_timer, timeless="yes")
    with pytest.raises(ComputationFailed, match="carry no time"):
        work.one("k", 0, ("t", 5))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("at", (5, 1)), "the name of a timer"),
        (("at", ("t", 1.5)), "expected microseconds since 1970 UTC"),
        (("at", ("t", datetime(2020, 1, 1))), "without a time zone"),
        (("at", ("t", None)), "expected microseconds since 1970 UTC"),
        (("after", ("5 apples", "t")), "expected a span"),
    ],
)
def test_what_cannot_be_a_timer_fails_its_record(record: Any, message: str) -> None:
    def set_as_said(record: Any, seen: Seen, timers: Any) -> None:
        how, arguments = record
        getattr(timers, how)(*reversed(arguments) if how == "at" else arguments)

    work = timed(set_as_said)
    with pytest.raises(ComputationFailed, match=message):
        work.one("k", 0, record)


def test_a_timer_takes_an_aware_datetime() -> None:
    def start(record: Any, seen: Seen, timers: Any) -> None:
        timers.at(datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC))

    work = timed(start, on_timer=name_of)
    work.one("k", 0)
    work.watermark(10)
    assert work.results == [""]


def test_ttl_forgets_a_key_and_its_timers_after_its_last_record() -> None:
    gone: list[Any] = []

    def expired(seen: Seen) -> str:
        gone.append(seen.values)
        return "expired"

    work = timed(set_timer, on_timer=name_of, ttl=10 * SECOND, on_expire=expired)
    work.feed([("k", 0, ("t", 50)), ("other", 5, 1)])
    work.checkpoint()
    work.watermark(11)
    assert [(key, result) for key, result, _ in work.out] == [("k", "expired")]
    assert work.out[0][2] is not None
    assert 10 * SECOND <= work.out[0][2] <= 10.2 * SECOND
    assert list(work.state.by_key) == ["other"]
    work.checkpoint()
    work.crash()
    assert list(work.state.by_key) == ["other"]
    work.watermark(60)
    assert "t" not in work.results
    work.one("k", 61, "new")
    assert work.state.by_key["k"].state.values == ["new"]
    work.end()
    assert gone[1:] == [[1]]


def test_a_timer_before_the_expiry_fires_though_the_watermark_passes_both_at_once() -> None:
    work = timed(set_timer, on_timer=name_of, ttl=10 * SECOND, on_expire=lambda _: "expired")
    work.feed([("k", 0, ("before", 9)), ("k", 0, ("behind", 11))])
    work.watermark(100)
    assert work.results == ["before", "expired"]


def test_every_record_of_a_key_keeps_it_also_one_that_fails() -> None:
    def refuse(record: str, seen: Seen, timers: Any) -> None:
        raise ValueError

    work = timed(refuse, ttl=10 * SECOND, on_error=ErrorPolicy.SKIP)
    for seconds in (0, 8, 16):
        work.one("k", seconds, "x")
        work.watermark(seconds)
    work.watermark(25)
    assert list(work.state.by_key) == ["k"]
    work.watermark(27)
    assert not work.state.by_key


def test_without_times_ttl_counts_by_the_wall_clock_and_downtime_counts() -> None:
    work = timed(set_timer, timeless="yes", ttl=10 * SECOND, on_expire=lambda seen: seen.values)
    work.wall(1000)
    work.one("k", 0, "x")
    work.checkpoint()
    work.crash()
    work.wall(2000)
    assert work.out == [("k", ["x"], None)]


def test_a_state_that_cannot_be_made_fails_its_record_and_is_tried_again() -> None:
    tries: list[int] = []

    def make() -> Seen:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return Seen()

    work = timed(set_timer, on_error=ErrorPolicy.SKIP)
    work.operator._calls.make = make
    work.feed([("k", 0, 1), ("k", 0, 2)])
    assert len(work.failures) == 1
    assert work.state.by_key["k"].state.values == [2]


def test_a_failing_timer_is_judged_by_on_error_and_named() -> None:
    def fails(name: str, seen: Seen, timers: Any) -> None:
        raise ValueError("no")

    work = timed(set_timer, on_timer=fails, on_error=ErrorPolicy.SKIP)
    work.one("k", 0, ("t", 5))
    work.watermark(5)
    assert work.failures[0].letter.record == "timer 't' of key 'k'"


def test_in_order_records_wait_and_are_passed_on_by_time_between_timers() -> None:
    def note(record: Any, seen: Seen, timers: Any) -> Any:
        set_timer(record, seen, timers)
        return record

    work = timed(note, on_timer=name_of, in_order=True)
    work.feed([("k", 7, "seven"), ("k", 3, ("t", 5)), ("k", 5, "five"), ("k", 3, "three")])
    work.watermark(5)
    assert work.results == [("t", 5), "three", "t"]
    work.checkpoint()
    work.one("k", 6, "lost")
    work.crash()
    work.one("k", 6, "six")
    work.watermark(7)
    assert work.results[3:] == ["five", "six"]
    work.end()
    assert work.results[5:] == ["seven"]
    assert [time for _, _, time in work.out] == [each * SECOND for each in (3, 3, 5, 5, 6, 7)]


def test_in_order_the_end_fires_timers_that_its_records_set() -> None:
    work = timed(set_timer, on_timer=name_of, in_order=True)
    work.feed([("k", 10, ("t", 12)), ("k", 11, ("u", 5))])
    work.end()
    assert work.results == ["u", "t"]


def test_a_key_that_expires_keeps_the_records_that_wait() -> None:
    def note(record: Any, seen: Seen, timers: Any) -> Any:
        seen.values.append(record)
        return list(seen.values)

    work = timed(note, in_order=True, ttl=10 * SECOND)
    work.feed([("k", 0, "a"), ("k", 50, "b")])
    work.watermark(51)
    assert work.results == [["a"], ["b"]]
