"""Windows that count records: in the order of arrival, with or without event time."""

import pytest
from support.timed import SECOND, Driven
from support.windows import Work, driven, windows

import wallarood as w
from wallarood.model.timing.windows import Gathers, WindowKind, Windows


def counted(count: int, every: int | None = None, ttl: float | None = None) -> Windows:
    return windows(WindowKind.COUNT, count=count, count_every=every or count, ttl=ttl)


def said(run: Driven) -> list[tuple[object, ...]]:
    return [
        (each.start, each.end, each.value, *([] if each.pane == "on_time" else [each.pane]))
        for each in run.results
    ]


@pytest.mark.parametrize("stamped", [True, False])
def test_windows_are_said_when_they_are_full_and_the_rest_at_the_end(stamped: bool) -> None:
    run = driven(counted(3), stamped=stamped)
    for number in range(7):
        run.one("a", number, 1)
    assert said(run) == [(0, 3, 3), (3, 6, 3)]
    run.end()

    assert said(run)[2:] == [(6, 7, 1, "partial")]
    assert [stamp for _, _, stamp in run.out] == (
        [2 * SECOND, 5 * SECOND, 6 * SECOND] if stamped else [None] * 3
    )
    assert run.state.by_key == {}


def test_windows_may_share_records_and_the_rest_is_said_if_it_has_a_new_one() -> None:
    run = driven(counted(6, 4), gathers=Gathers.COLLECT)
    run.feed([("a", 0, number) for number in range(11)])
    run.feed([("b", 0, number) for number in range(10)])
    run.end()

    a = [(0, 6, [0, 1, 2, 3, 4, 5]), (4, 10, [4, 5, 6, 7, 8, 9])]
    assert said(run) == [*a, *a, (8, 11, [8, 9, 10], "partial")]


def test_a_key_that_is_quiet_for_long_is_forgotten_and_its_rest_is_said() -> None:
    run = driven(counted(3, ttl=64))
    run.feed([("a", 0, 1), ("b", 0, 2)])
    run.one("b", 30, 4)
    run.watermark(66)
    run.one("a", 66, 8)
    run.checkpoint()
    run.crash()
    run.watermark(96)

    assert said(run) == [(0, 1, 1, "partial"), (0, 2, 6, "partial")]
    assert list(run.state.by_key) == ["a"]


def test_without_event_time_a_key_is_forgotten_by_the_wall_clock() -> None:
    run = driven(counted(3, ttl=64), stamped=False)
    run.one("a", 0, 1)
    run.wall(64)
    assert run.state.by_key
    run.wall(66)

    assert said(run) == [(0, 1, 1, "partial")]
    assert run.state.by_key == {}


def test_a_value_that_cannot_be_added_is_not_counted() -> None:
    run = driven(counted(2))
    run.feed([("a", 0, 1), ("a", 0, "x"), ("b", 0, None), ("a", 0, 2)])
    run.end()

    assert said(run) == [(0, 2, 3)]
    assert len(run.failures) == 2


@pytest.mark.parametrize(("count", "every"), [(1, 1), (4, 4), (6, 4), (5, 1)])
@pytest.mark.parametrize("batch", [1, 6, 60])
@pytest.mark.parametrize("seed", range(6))
def test_windows_are_those_of_the_oracle(seed: int, batch: int, count: int, every: int) -> None:
    work = Work(seed)

    run = work.on(lambda: driven(counted(count, every)), batch)

    expected = {}
    for key in "abc":
        own = [number for k, _, number in work.readings if k == key]
        start = 0
        while start + count <= len(own):
            expected[key, start, start + count] = sum(own[start : start + count])
            start += every
        if start == 0 or start - every + count < len(own):
            expected[key, start, len(own)] = sum(own[start:])
    assert {(each.key, each.start, each.end): each.value for each in run.results} == expected
    assert len(run.results) == len(expected)


def test_panes_that_cannot_be_merged_fail_their_window_and_no_later_one() -> None:
    run = driven(counted(4, 2), w.sum(), w.distinct_count(at_most=3))
    run.feed([("a", 0, 1), ("a", 0, 2), ("a", 0, 3), ("a", 0, 4)])
    run.feed([("a", 0, 3), ("a", 0, 3)])
    run.checkpoint()
    run.crash()
    run.feed([("a", 0, 3), ("a", 0, 3)])
    run.feed([("b", 0, 1), ("b", 0, 2)])
    run.feed([("c", 0, 1), ("c", 0, 2), ("c", 0, 3)])
    run.end()

    assert said(run) == [
        (2, 6, (13, 2)),
        (4, 8, (12, 1)),
        (0, 2, (3, 2), "partial"),
        (0, 3, (6, 3), "partial"),
    ]
    assert len(run.failures) == 1


def test_a_rest_that_cannot_be_merged_is_a_failure() -> None:
    run = driven(counted(4, 2), w.distinct_count(at_most=2))
    run.feed([("a", 0, 1), ("a", 0, 2), ("a", 0, 3), ("b", 0, 1)])
    run.end()

    assert said(run) == [(0, 1, 1, "partial")]
    assert len(run.failures) == 1
