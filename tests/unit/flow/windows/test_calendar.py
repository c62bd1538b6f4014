"""Days, weeks and months on the wall, where clocks are put forward, back, and over a date."""

from datetime import UTC, datetime, timedelta

import pytest

from wallarood.flow.windows.calendar import Calendar
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.windows import WindowKind, Windows

HOUR = 3_600_000_000


def calendar(zone: str, unit: str = "day", offset: int = 0) -> Calendar:
    return Calendar.of(
        Windows(WindowKind.CALENDAR, "calendar", unit=unit, zone=zone, offset=offset)
    )


def us(text: str) -> int:
    found = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return found // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "at", "start", "end"),
    [
        ("UTC", "1969-12-31T23:59", "1969-12-31T00:00", "1970-01-01T00:00"),
        ("Europe/Berlin", "2025-03-30T12:00", "2025-03-29T23:00", "2025-03-30T22:00"),
        ("Europe/Berlin", "2025-10-26T12:00", "2025-10-25T22:00", "2025-10-26T23:00"),
        ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("Australia/Lord_Howe", "2025-04-05T14:00", "2025-04-05T13:00", "2025-04-06T13:30"),
        ("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),
        ("Asia/Kathmandu", "2025-01-01T12:00", "2024-12-31T18:15", "2025-01-01T18:15"),
    ],
)
def test_a_day_is_from_the_first_instant_of_its_date(
    zone: str, at: str, start: str, end: str
) -> None:
    assert calendar(zone).window(us(at)) == (us(start), us(end))


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    zone = "America/New_York"
    at = us("2025-03-12T12:00")

    assert calendar(zone, "week").window(at) == (us("2025-03-10T04:00"), us("2025-03-17T04:00"))
    assert calendar(zone, "month").window(at) == (us("2025-03-01T05:00"), us("2025-04-01T04:00"))


def test_a_day_may_begin_at_another_hour_of_the_wall() -> None:
    days = calendar("Europe/Berlin", offset=6 * HOUR)

    assert days.window(us("2025-03-30T03:59")) == (us("2025-03-29T05:00"), us("2025-03-30T04:00"))
    assert days.window(us("2025-03-30T04:00")) == (us("2025-03-30T04:00"), us("2025-03-31T04:00"))


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Pacific/Apia", "America/Sao_Paulo", "Asia/Tehran"]
)
def test_windows_follow_each_other_without_a_gap(zone: str, unit: str) -> None:
    days = calendar(zone, unit)
    at, last = us("2009-01-01T00:00"), us("2020-01-01T00:00")
    while at < last:
        start, end = days.window(at)
        assert start <= at < end
        assert days.window(end - 1) == (start, end)
        assert days.window(end)[0] == end
        at = end


def test_far_jumps_find_the_same_windows_as_small_steps() -> None:
    days = calendar("Europe/Berlin")
    there = [days.window(us(f"{year}-07-01T12:00")) for year in (1950, 2090, 2000, 1951, 2089)]

    fresh = [calendar("Europe/Berlin").window(start) for start, _ in there]
    assert there == fresh


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kiritimati", "America/Sao_Paulo"])
def test_what_no_date_has_is_in_the_window_before_or_behind_all_dates(zone: str, unit: str) -> None:
    days = calendar(zone, unit)
    start, first = days.window(MIN_TIME + 1)
    last, end = days.window(MAX_TIME - 1)

    assert (start, end) == (MIN_TIME, MAX_TIME)
    assert days.window(first - 1) == (start, first)
    assert days.window(first)[0] == first
    assert days.window(last - 1)[1] == last
