"""Rolling windows: what happened in the last stretch of time, at each stamp, against an oracle."""

from random import Random

import pytest
from support.timed import SECOND, Driven
from support.windows import Work, driven, said, windows

import wallarood as w
from wallarood.model.timing.windows import Gathers, WindowKind, Windows


def rolling(size: float) -> Windows:
    return windows(WindowKind.ROLLING, size=size)


def values(run: Driven) -> list[object]:
    return [each.value for each in run.results]


def test_a_window_is_said_at_each_stamp_once_time_is_above_it() -> None:
    run = driven(rolling(10))
    run.one("a", 0, 1)
    run.one("a", 5, 2)
    run.one("a", 10, 4)
    run.watermark(10)
    assert values(run) == [1, 3]
    run.watermark(11)

    assert values(run) == [1, 3, 6]
    assert [stamp for _, _, stamp in run.out] == [0, 5 * SECOND, 10 * SECOND]


def test_records_of_one_stamp_are_said_once() -> None:
    run = driven(rolling(10))
    run.feed([("a", 1, 1), ("a", 1, 2), ("b", 1, 4)])
    run.end()

    assert sorted((each.key, each.value) for each in run.results) == [("a", 3), ("b", 4)]


def test_results_are_in_the_order_of_stamps_whatever_that_of_records() -> None:
    run = driven(rolling(10))
    for second in (7, 3, 5):
        run.one("a", second, second)
    run.end()

    assert values(run) == [3, 8, 15]


def test_a_record_whose_own_window_was_said_is_in_those_that_are_still_open() -> None:
    run = driven(rolling(10))
    run.one("a", 5, 1)
    run.watermark(6)
    run.one("a", 5, 2)
    run.one("a", 6, 4)
    run.watermark(15)
    run.feed([("a", 5, 8), ("a", 6, 16), ("a", 15, 32), ("b", 7, 64)])
    run.one("b", 16, 128)
    run.end()

    assert run.late == ["8"]
    assert values(run) == [1, 7, 4 + 16 + 32, 64 + 128]


@pytest.mark.parametrize("grace", [0, 5])
@pytest.mark.parametrize("seed", range(40))
def test_records_enter_those_of_their_windows_that_are_open(seed: int, grace: int) -> None:
    rng, size = Random(seed), 12
    run = driven(rolling(size), grace=grace * SECOND)
    taken: list[tuple[str, int, int]] = []
    expected: dict[tuple[str, int], int] = {}
    late, now = [], -100

    def say(key: str, stamp: int) -> None:
        own = [n for k, t, n in taken if k == key and stamp - size < t <= stamp]
        expected[key, stamp] = sum(own)

    for number in range(150):
        key, stamp = rng.choice("ab"), max(0, number // 2 - rng.randrange(25))
        if stamp + size <= now - grace:
            late.append(str(number))
        else:
            taken.append((key, stamp, number))
            for at in {t for k, t, _ in taken if k == key and now - grace <= t < now}:
                if at - size < stamp <= at:
                    say(key, at)
        run.one(key, stamp, number)
        if rng.random() < 0.3:
            before, now = now, max(now, number // 2 - 4)
            for key, at in {(k, t) for k, t, _ in taken if before <= t < now}:
                say(key, at)
            run.watermark(now)
        if rng.random() < 0.05:
            run.checkpoint()
            run.crash()
    for key, at in {(k, t) for k, t, _ in taken if t >= now}:
        say(key, at)
    run.end()

    assert run.late == late
    found = {(each.key, (each.end - 1) // SECOND): each.value for each in run.results}
    assert found == expected
    assert run.state.by_key == {}


def test_within_the_grace_a_record_corrects_the_windows_that_have_it() -> None:
    run = driven(rolling(10), grace=30 * SECOND)
    run.feed([("a", 5, 1), ("a", 8, 2), ("a", 20, 4)])
    run.watermark(21)
    run.one("a", 6, 8)
    run.one("a", 25, 16)
    run.end()

    assert [(each.end // SECOND, each.value, each.pane) for each in run.results] == [
        (5, 1, "on_time"),
        (8, 3, "on_time"),
        (20, 4, "on_time"),
        (6, 9, "late"),
        (8, 11, "late"),
        (25, 20, "on_time"),
    ]


def test_a_key_that_is_in_no_window_any_more_is_forgotten() -> None:
    run = driven(rolling(10))
    run.one("a", 5, 1)
    run.watermark(14)
    assert list(run.state.by_key) == ["a"]
    run.watermark(15)

    assert run.state.by_key == {}


def test_a_value_that_cannot_be_taken_fails_its_record_alone() -> None:
    run = driven(rolling(10))
    run.feed([("a", 1, 1), ("a", 2, "x"), ("b", 1, None), ("a", 3, 2)])
    run.end()

    assert values(run) == [1, 3]
    assert len(run.failures) == 2
    assert run.state.by_key == {}


@pytest.mark.parametrize("size", [3, 25])
@pytest.mark.parametrize("batch", [1, 6, 60])
@pytest.mark.parametrize("seed", range(8))
def test_windows_are_those_of_the_oracle(seed: int, batch: int, size: int) -> None:
    work = Work(seed)
    aggregations = (w.sum(), w.max(), w.count())

    run = work.on(lambda: driven(rolling(size), *aggregations), batch)

    expected = {}
    for key, stamp, _ in work.readings:
        own = [n for k, t, n in work.readings if k == key and stamp - size < t <= stamp]
        expected[key, stamp] = (sum(own), max(own), len(own))
    assert {(each.key, (each.end - 1) // SECOND): each.value for each in run.results} == expected
    assert len(run.results) == len(expected)
    assert run.state.by_key == {}


@pytest.mark.parametrize("seed", range(8))
def test_sums_of_floats_do_not_depend_on_batches_or_crashes(seed: int) -> None:
    work = Work(seed)
    work.readings = [(key, stamp, number / 7) for key, stamp, number in work.readings]  # type: ignore[misc]

    runs = [work.on(lambda: driven(rolling(25)), batch) for batch in (1, 7, 50)]

    whole = [sorted(said(run)) for run in runs]
    assert whole[0] == whole[1] == whole[2]


def test_a_fold_is_merged_and_not_changed() -> None:
    run = driven(
        rolling(10),
        gathers=Gathers.FOLD,
        make=list,
        step=lambda total, number: total.append(number) or total,
        merge=lambda one, other: one.extend(other) or one,
    )
    run.feed([("a", second, second) for second in (1, 4, 8, 12, 13, 30)])
    run.end()

    assert values(run) == [[1], [1, 4], [1, 4, 8], [4, 8, 12], [4, 8, 12, 13], [30]]


def test_records_that_cannot_be_merged_fail_their_windows_and_no_later_one() -> None:
    run = driven(rolling(10), w.min())
    run.feed([("a", 0, 1), ("a", 1, "x")])
    run.watermark(5)
    run.checkpoint()
    run.crash()
    run.feed([("a", 11, "y"), ("a", 20, 4), ("a", 30, 5)])
    run.end()

    assert values(run) == [1, "y", 5]
    assert len(run.failures) == 2, "those at 1 and at 20"


def test_a_record_of_a_window_that_failed_counts_once_in_the_next() -> None:
    run = driven(rolling(10), w.sum(), w.distinct_count(at_most=2))
    run.feed([("a", 0, 1), ("a", 1, 2), ("a", 1, 3), ("a", 10, 2), ("a", 11, 7)])
    run.end()

    assert values(run) == [(1, 1), (7, 2), (9, 2)]
    assert len(run.failures) == 1, "that at 1"


def test_who_changes_a_result_changes_no_later_one() -> None:
    run = driven(
        rolling(10),
        gathers=Gathers.FOLD,
        make=list,
        step=lambda total, record: [*total, record],
        merge=lambda total, later: total + later,
    )
    run.feed([("a", 0, 1), ("a", 5, 2)])
    run.watermark(1)
    run.results[0].value.append("changed")
    run.end()

    assert values(run)[1:] == [[1, 2]]
