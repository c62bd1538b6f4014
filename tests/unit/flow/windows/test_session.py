"""Sessions: what belongs together, what it replaces, and that it is what an oracle says."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from support.timed import SECOND, Driven
from support.windows import Work, driven, said, windows

import wallarood as w
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.windows import Emit, Gathers, WindowKind, Windows


def session(gap: float, longest: float | None = None) -> Windows:
    return windows(WindowKind.SESSION, size=gap, longest=longest)


def test_records_a_gap_apart_are_of_two_sessions() -> None:
    run = driven(session(10))
    run.one("a", 0, 1)
    run.one("a", 10, 2)
    run.watermark(20)

    assert said(run) == [("a", 0, 10, 1), ("a", 10, 20, 2)]
    assert run.state.by_key == {}


def test_a_record_between_two_sessions_makes_them_one() -> None:
    run = driven(session(10))
    for second in (0, 15, 8):
        run.one("a", second, 1)
    run.end()

    assert said(run) == [("a", 0, 25, 3)]


def test_a_session_that_goes_on_after_its_end_replaces_what_was_said() -> None:
    run = driven(session(10), grace=20 * SECOND)
    run.one("a", 0, 1)
    run.watermark(10)
    run.one("a", 9, 2)
    run.watermark(19)

    assert said(run) == [("a", 0, 10, 1), ("a", 0, 19, 3, [(0, 10)])]


def test_a_session_that_joins_two_that_were_said_replaces_both() -> None:
    run = driven(session(10), grace=60 * SECOND)
    run.feed([("a", 0, 1), ("a", 15, 2)])
    run.watermark(30)
    run.one("a", 8, 4)
    run.one("a", 3, 8)
    run.end()

    assert said(run) == [
        ("a", 0, 10, 1),
        ("a", 15, 25, 2),
        ("a", 0, 25, 7, "late", [(0, 10), (15, 25)]),
        ("a", 0, 25, 15, "late"),
    ]


def test_a_session_ends_when_it_is_as_long_as_it_may_be() -> None:
    run = driven(session(10, longest=15))
    for second in (0, 8, 14, 16):
        run.one("a", second, 1)
    run.end()

    assert said(run) == [("a", 0, 15, 3), ("a", 16, 26, 1)]


def test_a_record_is_late_when_its_session_has_ended_with_it() -> None:
    run = driven(session(10))
    run.one("a", 15, 1)
    run.watermark(20)
    run.one("b", 9, 2)
    run.one("a", 9, 4)
    run.one("b", 10, 8)
    run.end()

    assert run.late == ["2", "8"]
    assert said(run) == [("a", 9, 25, 5)]


def test_late_records_go_to_the_stream_of_them_as_they_are() -> None:
    run = driven(session(10), on_late=ErrorPolicy.STREAM)
    run.watermark(20)
    run.feed([("a", 9, 1), ("b", 12, 2), ("c", 8, 4)])

    (failure,) = run.failures
    assert failure.batch is not None
    assert (failure.batch.values, failure.batch.keys) == ([1, 4], ["a", "c"])


def test_an_early_result_is_replaced_when_its_session_begins_earlier() -> None:
    run = driven(session(10), emit=Emit.UPDATES)
    run.one("a", 8, 1)
    run.one("a", 2, 2)
    run.end()

    assert said(run) == [
        ("a", 8, 18, 1, "early"),
        ("a", 2, 18, 3, "early", [(8, 18)]),
        ("a", 2, 18, 3),
    ]


def test_what_has_changed_is_said_on_the_wall_clock() -> None:
    run = driven(session(10), emit=Emit.EVERY, emit_every=SECOND)
    run.feed([("a", 1, 1), ("a", 2, 2), ("b", 1, 4)])
    run.wall(1)
    run.wall(2)
    run.one("b", 3, 8)
    run.wall(4)
    run.end()

    assert said(run)[:3] == [
        ("a", 1, 12, 3, "early"),
        ("b", 1, 11, 4, "early"),
        ("b", 1, 13, 12, "early", [(1, 11)]),
    ]
    assert sorted(said(run)[3:]) == [("a", 1, 12, 3), ("b", 1, 13, 12)]


def test_a_session_outlives_a_crash_and_one_that_is_over_does_not_come_back() -> None:
    run = driven(session(10))
    run.feed([("a", 1, 1), ("b", 1, 2)])
    run.checkpoint()
    run.watermark(11)
    run.one("b", 15, 4)
    run.checkpoint()
    run.crash()
    run.one("b", 20, 8)
    run.end()

    assert said(run) == [("a", 1, 11, 1), ("b", 1, 11, 2), ("b", 15, 30, 12)]


def test_a_value_that_cannot_be_added_neither_opens_nor_prolongs_a_session() -> None:
    run = driven(session(10))
    run.feed([("a", 0, 1), ("a", 9, "x"), ("b", 0, None), ("a", 5, 2)])
    run.end()

    assert said(run) == [("a", 0, 15, 3)]
    assert len(run.failures) == 2


def test_sessions_close_in_slices() -> None:
    run = driven(session(10), w.count())
    run.feed([(key, 1, 1) for key in range(3000)])
    slices = list(run.operator.on_watermark(11 * SECOND, []))

    assert sum(map(len, slices)) == 3000
    assert max(map(len, slices)) <= 1024 + 1


def gathered(gap: int) -> Driven:
    return driven(session(gap), gathers=Gathers.COLLECT)


def folded(gap: int) -> Driven:
    return driven(
        session(gap),
        gathers=Gathers.FOLD,
        make=list,
        step=lambda total, number: total.append(number) or total,
        merge=lambda one, other: one.extend(other) or one,
    )


@pytest.mark.parametrize("make", [gathered, folded, lambda gap: driven(session(gap))])
@pytest.mark.parametrize("batch", [1, 6, 60])
@pytest.mark.parametrize("seed", range(12))
def test_sessions_are_those_of_the_oracle(
    make: Callable[[int], Driven], batch: int, seed: int
) -> None:
    gap = 5 + seed
    work = Work(seed, disorder=30, keys="abcdefgh")

    run = work.on(lambda: make(gap), batch)

    found = {
        (each.key, each.start // SECOND, each.end // SECOND): each.value for each in run.results
    }
    assert {place: total(value) for place, value in found.items()} == oracle(gap, work)
    assert len(found) == len(run.results)
    assert run.state.by_key == {}


def total(value: Any) -> int:
    return sum(value) if isinstance(value, list) else value


def oracle(gap: int, work: Work) -> dict[tuple[str, int, int], int]:
    expected = {}
    for key, own in groupby(sorted(work.readings), key=lambda each: each[0]):
        run: list[tuple[str, int, int]] = []
        for reading in [*own, (key, 1 << 40, 0)]:
            if run and reading[1] >= run[-1][1] + gap:
                expected[key, run[0][1], run[-1][1] + gap] = sum(each[2] for each in run)
                run = []
            run.append(reading)
    return expected


@pytest.mark.parametrize("seed", range(12))
def test_what_is_left_of_corrections_is_that_of_the_oracle(seed: int) -> None:
    """Whoever puts each result in the place of what it replaces has the sessions of the oracle."""
    work = Work(seed, disorder=40)
    grace = 60 * SECOND
    run = driven(session(9), grace=grace, emit=(Emit.CLOSED, Emit.UPDATES)[seed % 2])
    for key, stamp, number in work.readings:
        run.one(key, stamp, number)
        if stamp * SECOND > run.clock.time:
            run.watermark(stamp)
    run.end()

    left: dict[tuple[str, int, int], int] = {}
    for each in run.results:
        for start, end in (*each.replaces, (each.start, each.end)):
            for known in [k for k in left if k[0] == each.key and k[1] == start // SECOND]:
                assert (start, end) == (each.start, each.end) or known[2] == end // SECOND
                del left[known]
        left[each.key, each.start // SECOND, each.end // SECOND] = each.value
    assert left == oracle(9, work)
    assert run.failures == []


def test_what_was_said_is_not_said_again_after_a_restart_without_grace() -> None:
    run = driven(session(10), grace=20 * SECOND)
    run.one("a", 0, 1)
    run.watermark(15)
    run.checkpoint()
    run.computation = driven(session(10)).computation
    run.crash()
    run.end()

    assert said(run) == [("a", 0, 10, 1)]
    assert len(run.state.by_key) == 0
