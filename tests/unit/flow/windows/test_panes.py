"""Panes: each instant is in one, each window is made of some, whatever hops how far."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

import wallarood as w
from wallarood.flow.windows.panes import ByCalendar, Hopping, Tumbling, panes_of
from wallarood.model.time import MAX_TIME, MIN_TIME

TIMES = some.integers(-10_000, 10_000)


@some.composite
def hopping(draw: some.DrawFn) -> Hopping:
    size = draw(some.integers(1, 60))
    every = draw(some.integers(1, size))
    return Hopping(size, every, draw(some.integers(0, every - 1)))


def test_a_tumbling_window_is_one_pane() -> None:
    windows = Tumbling(size=10, offset=3)
    assert [windows.pane(time) for time in (-8, 2, 3, 12)] == [(-17, -7), (-7, 3), (3, 13), (3, 13)]
    assert windows.windows((3, 13)) == list(windows.panes((3, 13))) == [(3, 13)]


def test_hopping_windows_share_panes_of_what_divides_size_and_hop() -> None:
    windows = Hopping(size=10, every=4, offset=0)
    assert windows.step == 2
    assert windows.windows((8, 10)) == [(0, 10), (4, 14), (8, 18)]
    assert list(windows.panes((4, 14))) == [(4, 6), (6, 8), (8, 10), (10, 12), (12, 14)]


@given(windows=hopping(), time=TIMES)
def test_a_record_is_in_the_windows_around_its_time_and_in_no_other(
    windows: Hopping, time: int
) -> None:
    found = windows.windows(windows.pane(time))
    first = windows.offset - 20_000 // windows.every * windows.every
    starts = range(first, 20_000, windows.every)
    around = [start for start in starts if start <= time < start + windows.size]
    assert found == [(start, start + windows.size) for start in around]


@given(windows=hopping(), time=TIMES)
def test_a_window_has_each_of_its_panes_and_each_pane_has_it(windows: Hopping, time: int) -> None:
    pane = windows.pane(time)
    for window in windows.windows(pane):
        panes = list(windows.panes(window))
        assert pane in panes
        assert [start for start, _ in panes[1:]] == [end for _, end in panes[:-1]]
        assert (panes[0][0], panes[-1][1]) == window


@given(windows=hopping() | some.builds(Tumbling, some.integers(1, 60), TIMES), watermark=TIMES)
def test_what_is_before_the_first_open_time_is_in_closed_windows_only(
    windows: Hopping | Tumbling, watermark: int
) -> None:
    first = windows.first_open(watermark)
    assert windows.windows(windows.pane(first))[-1][1] > watermark
    assert all(end <= watermark for _, end in windows.windows(windows.pane(first - 1)))


def test_a_calendar_has_no_first_open_time_but_the_ends_of_time_there() -> None:
    days = panes_of(w.calendar("day", tz="UTC"))
    assert isinstance(days, ByCalendar)
    assert [days.first_open(time) for time in (MIN_TIME, MAX_TIME)] == [MIN_TIME, MAX_TIME]
    day = 86_400_000_000
    assert days.first_open(day + 5) == day
    assert days.windows(days.pane(day + 5)) == list(days.panes((day, 2 * day))) == [(day, 2 * day)]


def test_windows_whose_bounds_records_say_have_no_panes() -> None:
    assert panes_of(w.hopping("10us", every="4us")) == Hopping(10, 4, 0)
    with pytest.raises(ValueError, match="has no panes"):
        panes_of(w.session("10s"))
