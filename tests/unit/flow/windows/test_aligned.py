"""Tumbling, hopping and calendar windows: what they say when, against an oracle too."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from support.timed import SECOND, Driven
from support.windows import Work, driven, said, summed, windows

import wallarood as w
from wallarood.flow.failures import ComputationFailed
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.windows import Emit, Gathers, WindowKind, Windows

MINUTE = 60


def tumbling(size: float, **more: float) -> Windows:
    return windows(WindowKind.TUMBLING, size=size, **more)


def hopping(size: float, every: float, **more: float) -> Windows:
    return windows(WindowKind.HOPPING, size=size, every=every, **more)


def day(zone: str, unit: str = "day") -> Windows:
    return windows(WindowKind.CALENDAR, unit=unit, zone=zone)


def test_a_record_at_the_end_of_a_window_is_in_the_next() -> None:
    run = driven(tumbling(10))
    run.one("a", 0, 1)
    run.one("a", 9.999999, 2)
    run.one("a", 10, 4)
    run.watermark(10)

    assert said(run) == [("a", 0, 10, 3)]
    assert run.out[0][2] == 9_999_999


def test_a_stamp_before_1970_is_in_the_window_before() -> None:
    run = driven(tumbling(10))
    run.one("a", -0.000001, 1)
    run.watermark(0)

    assert said(run) == [("a", -10, 0, 1)]


def test_a_record_of_a_window_that_has_closed_is_late() -> None:
    run = driven(tumbling(10))
    run.watermark(10)
    run.one("a", 9, 1)
    run.end()

    assert said(run) == []
    (failure,) = run.failures
    assert failure.late == "tumbling"
    assert "behind the watermark" in failure.letter.error
    assert (failure.letter.key, failure.letter.stamp) == ("'a'", 9 * SECOND)


def test_within_the_grace_a_window_that_has_closed_corrects_itself() -> None:
    run = driven(tumbling(5 * MINUTE), grace=MINUTE * SECOND)
    noon = 12 * 3600
    run.one("a", noon + 4 * MINUTE, 1)
    run.watermark(noon + 5 * MINUTE)
    run.one("a", noon + 3 * MINUTE, 2)
    run.watermark(noon + 6 * MINUTE)
    assert run.state.buckets == {}
    run.one("a", noon + 4 * MINUTE, 4)

    bounds = noon, noon + 5 * MINUTE
    assert said(run) == [("a", *bounds, 1), ("a", *bounds, 3, "late")]
    assert run.late == ["4"]


def test_a_late_record_is_in_those_of_its_windows_that_are_open() -> None:
    run = driven(hopping(60, 30))
    run.watermark(40)
    run.one("a", 35, 1)
    run.watermark(60)
    run.one("a", 45, 2)
    run.watermark(90)
    run.one("a", 55, 4)
    run.end()

    assert said(run) == [("a", 0, 60, 1), ("a", 30, 90, 3)]
    assert run.late == ["4"]


def test_updates_are_said_once_a_batch_and_the_result_follows() -> None:
    run = driven(tumbling(60), emit=Emit.UPDATES)
    for numbers in ((5, 8, 3), (15, 19, 23), (9, 13, 10)):
        run.feed([("a", 1, number) for number in numbers])
    run.watermark(60)

    sums = [value for _, _, _, value, *_ in said(run)]
    panes = [each.pane for each in run.results]
    assert sums == [16, 73, 105, 105]
    assert panes == ["early", "early", "early", "on_time"]


def test_changes_are_said_on_the_wall_clock_and_only_once() -> None:
    run = driven(tumbling(60), emit=Emit.EVERY, emit_every=SECOND)
    run.feed([("a", 1, 1), ("b", 1, 2)])
    run.one("a", 2, 4)
    run.wall(0.5)
    assert said(run) == []
    run.wall(1)
    assert said(run) == [("a", 0, 60, 5, "early"), ("b", 0, 60, 2, "early")]
    assert run.operator.wall_due is None
    run.one("b", 3, 8)
    run.watermark(60)
    run.wall(9)

    assert said(run)[2:] == [("a", 0, 60, 5), ("b", 0, 60, 10)]


def test_what_has_closed_does_not_open_again_after_a_crash() -> None:
    run = driven(tumbling(10))
    run.one("a", 5, 1)
    run.watermark(100)
    run.checkpoint()
    run.crash()
    run.one("a", 5, 2)
    run.end()

    assert said(run) == [("a", 0, 10, 1)]
    assert run.late == ["2"]


def test_what_was_open_goes_on_after_a_crash() -> None:
    run = driven(tumbling(10))
    run.one("a", 3, 1)
    run.checkpoint()
    run.crash()
    run.end()

    assert said(run) == [("a", 0, 10, 1)]


def test_the_greatest_of_hopping_windows_needs_no_inverse() -> None:
    run = driven(hopping(60, 10), w.max())
    run.one("a", 5, 9)
    run.one("a", 65, 1)
    run.end()

    first = [("a", start, start + 60, 9) for start in range(-50, 10, 10)]
    assert said(run) == first + [("a", start, start + 60, 1) for start in range(10, 70, 10)]


def test_parts_of_several_sums_are_merged_whoever_has_a_row_in_them() -> None:
    run = driven(hopping(30, 10), w.sum(), w.count(), w.mean())
    run.feed([("a", 0, 1), ("b", 1, 2), ("a", 11, 4.5), ("c", 21, Fraction(1, 2)), ("a", 29, 2)])
    run.watermark(30)

    last = {key: value for key, start, _, value in said(run) if start == 0}
    assert last == {"a": (7.5, 3, 2.5), "b": (2, 1, 2.0), "c": (Fraction(1, 2), 1, Fraction(1, 2))}


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        ("Europe/Berlin", (2025, 3, 30, 12), (2025, 3, 29, 23), (2025, 3, 30, 22)),
        ("America/Sao_Paulo", (2018, 11, 4, 12), (2018, 11, 4, 3), (2018, 11, 5, 2)),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_on_the_wall(
    zone: str, at: tuple[int, ...], start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    seconds = [datetime(*each, tzinfo=UTC).timestamp() for each in (at, start, end)]  # type: ignore[arg-type]
    run = driven(day(zone))
    run.one("a", seconds[0], 1)
    run.end()

    assert said(run) == [("a", seconds[1], seconds[2], 1)]


def test_a_pane_whose_windows_are_over_is_dropped() -> None:
    run = driven(hopping(60, 10))
    run.feed([("a", second, 1) for second in range(0, 300, 7)])
    run.watermark(200)

    assert min(run.state.buckets) == (150 * SECOND, 160 * SECOND)


def test_a_million_keys_close_in_slices() -> None:
    run = driven(tumbling(10), w.count())
    run.feed([(key, 1, 1) for key in range(5000)])
    slices = [each for each in run.operator.on_watermark(10 * SECOND, []) if each.values]

    assert [len(each) for each in slices] == [1024, 1024, 1024, 1024, 904]
    assert sorted(key for each in slices for key in each.keys or ()) == list(range(5000))


class Kept:
    """An accumulator that says how many of them there are."""

    alive = 0

    def __init__(self) -> None:
        Kept.alive += 1

    def __del__(self) -> None:
        Kept.alive -= 1


@pytest.mark.parametrize("which", [tumbling(10), hopping(10, 5)])
def test_the_memory_of_many_keys_is_freed_in_slices(which: Windows) -> None:
    run = driven(
        which,
        gathers=Gathers.FOLD,
        make=Kept,
        step=lambda kept, _: kept,
        merge=lambda _, kept: kept,
    )
    run.feed([(key, 1, 1) for key in range(20_000)])
    alive = [Kept.alive]
    for part in run.operator.on_watermark(30 * SECOND, []):
        part.values.clear()
        alive.append(Kept.alive)
    alive.append(Kept.alive)

    assert alive[-1] == 0
    assert max(before - after for before, after in pairwise(alive)) <= 5_000


def test_late_records_go_to_the_stream_of_them_as_they_are() -> None:
    run = driven(tumbling(10), on_late=ErrorPolicy.STREAM)
    run.watermark(10)
    run.feed([("a", 9, 1), ("b", 12, 2), ("c", 8, 4)])

    (failure,) = run.failures
    assert failure.batch is not None
    assert (failure.batch.values, failure.batch.keys) == ([1, 4], ["a", "c"])
    assert failure.batch.times == [9 * SECOND, 8 * SECOND]


def test_a_late_record_may_stop_the_job() -> None:
    run = driven(tumbling(10), on_late=ErrorPolicy.STOP)
    run.watermark(10)
    with pytest.raises(ComputationFailed, match="late: stamp 9 s, 1 s behind the watermark 10 s"):
        run.one("a", 9, 1)


def test_a_value_that_cannot_be_added_fails_its_record_alone() -> None:
    run = driven(tumbling(10))
    run.feed([("a", 1, 1), ("a", 2, "two"), ("b", 3, None), ("a", 4, 4)])
    run.end()

    assert said(run) == [("a", 0, 10, 5)]
    assert [each.letter.record for each in run.failures] == ["'two'", "None"]


def test_keys_come_back_as_they_were_given() -> None:
    keys = [("a", 1), True, 1, b"x", ("a", True)]
    run = driven(tumbling(10), w.count())
    run.feed([(key, 1, 1) for key in keys])
    run.checkpoint()
    run.crash()
    run.end()

    assert sorted(repr(each.key) for each in run.results) == sorted(map(repr, keys))


def add(total: dict[str, int], number: int) -> dict[str, int]:
    if number == 13:
        raise ValueError("no luck")
    total["sum"] = total.get("sum", 0) + number
    return total


def both(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    one["sum"] = one.get("sum", 0) + other["sum"]
    return one


def folding(which: Windows, **more: object) -> Driven:
    return driven(which, gathers=Gathers.FOLD, make=dict, step=add, merge=both, **more)


def test_a_fold_fails_for_the_record_that_it_cannot_take() -> None:
    run = folding(hopping(20, 10))
    run.feed([("a", 1, 1), ("a", 2, 13), ("b", 3, 13), ("a", 14, 4)])
    run.end()

    sums = [("a", -10, 10, {"sum": 1}), ("a", 0, 20, {"sum": 5}), ("a", 10, 30, {"sum": 4})]
    assert said(run) == sums
    assert [each.letter.record for each in run.failures] == ["13", "13"]


def test_a_result_of_a_fold_does_not_change_once_it_is_said() -> None:
    run = folding(tumbling(10), emit=Emit.UPDATES)
    run.one("a", 1, 1)
    run.one("a", 2, 2)
    run.end()

    assert [each.value["sum"] for each in run.results] == [1, 3, 3]


def test_a_capture_of_a_fold_is_that_of_its_moment() -> None:
    run = folding(tumbling(10))
    run.one("a", 1, 1)
    run.state.capture(1, 0)
    run.one("a", 2, 2)
    while run.state.capturing:
        run.state.encode_some()
    chunks = run.state.finish().chunks

    run.state.restore(chunks)
    run.end()
    assert [each.value["sum"] for each in run.results] == [1]


def test_a_fold_that_returns_none_is_told_so() -> None:
    run = driven(
        tumbling(10), gathers=Gathers.FOLD, make=list, step=list.append, on_error=ErrorPolicy.STOP
    )
    with pytest.raises(ComputationFailed, match="a fold returned None"):
        run.one("a", 1, 1)


def test_collected_records_are_in_the_order_of_their_panes() -> None:
    run = driven(hopping(20, 10), gathers=Gathers.COLLECT)
    run.feed([("a", 1, 1), ("a", 14, 2), ("a", 2, 3)])
    run.end()

    assert [value for *_, value in said(run)] == [[1, 3], [1, 3, 2], [2]]


KINDS = [
    tumbling(10),
    tumbling(7, offset=3),
    hopping(60, 10),
    hopping(30, 20, offset=5),
    hopping(25, 10),
    hopping(10, 10),
]


def oracle(which: Windows, work: Work) -> dict[tuple[str, int, int], int]:
    size = which.size // SECOND
    every = which.every // SECOND or size
    offset = which.offset // SECOND
    return summed(
        (key, (start, start + size), number)
        for key, stamp, number in work.readings
        for start in range(-600 * every + offset, stamp + 1, every)
        if start <= stamp < start + size
    )


@pytest.mark.parametrize("batch", [1, 6, 60])
@pytest.mark.parametrize("which", KINDS, ids=lambda which: f"{which.size}-{which.every}")
@pytest.mark.parametrize("seed", range(6))
def test_windows_are_those_of_the_oracle(which: Windows, batch: int, seed: int) -> None:
    work = Work(seed)

    run = work.on(lambda: driven(which), batch)

    found = {
        (each.key, each.start // SECOND, each.end // SECOND): each.value for each in run.results
    }
    assert found == oracle(which, work)
    assert len(found) == len(run.results)
    assert run.failures == []
    assert run.state.buckets == {}


@pytest.mark.parametrize("seed", range(12))
def test_the_last_word_within_the_grace_is_that_of_the_oracle(seed: int) -> None:
    """Records that come later than the watermark allows, and not later than the grace."""
    which = hopping(30, 10)
    work = Work(seed, disorder=20)
    run = driven(which, grace=25 * SECOND, emit=(Emit.CLOSED, Emit.UPDATES)[seed % 2])
    for key, stamp, number in work.readings:
        run.one(key, stamp, number)
        if stamp * SECOND > run.clock.time:
            run.watermark(stamp)
    run.end()

    found = {
        (each.key, each.start // SECOND, each.end // SECOND): each.value for each in run.results
    }
    assert found == oracle(which, work)
    assert run.failures == []
    assert {each.pane for each in run.results} >= {"late", "on_time"}


def test_who_changes_a_result_does_not_change_what_a_capture_still_has_to_store() -> None:
    run = driven(
        tumbling(10),
        gathers=Gathers.FOLD,
        make=list,
        step=lambda total, record: [*total, record],
    )
    run.one("a", 0, 1)
    run.state.capture(1, 0)
    run.watermark(10)
    run.results[0].value.append("changed")
    while run.state.capturing:
        run.state.encode_some()
    assert run.new_state is not None
    restored = run.new_state()
    restored.restore(run.state.finish().chunks)

    assert restored.buckets == {(0, 10 * SECOND): {"a": [1]}}


def test_a_stamp_that_no_date_has_is_late_or_counts_like_any_other() -> None:
    run = driven(day("Europe/Berlin"))
    run.one("a", -1e12, 1)
    run.watermark(0)
    run.one("a", -1e12, 2)
    run.end()

    assert [each.value for each in run.results] == [1]
    assert run.late == ["2"]
