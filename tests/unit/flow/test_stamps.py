"""Stamps: what functions return for when something happened."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.flow.stamps import StampError, stamp_of, stamps_of


def test_a_datetime_counts_from_1970_utc_whatever_its_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    assert stamp_of(datetime(1970, 1, 1, 1, 0, 2, 5, tzinfo=berlin)) == 2_000_005
    assert stamp_of(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_is_exact_to_the_microsecond(when: datetime) -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stamp_of(when)) == when


@pytest.mark.parametrize(
    ("found", "unit", "stamp"),
    [(2, 1_000_000, 2_000_000), (0.29, 1_000_000, 290_000), (-1.5, 1_000, -1_500), (7, 1, 7)],
)
def test_numbers_count_in_their_unit(found: float, unit: int, stamp: int) -> None:
    assert stamp_of(found, unit) == stamp
    assert stamps_of([found], unit) == [stamp]


@pytest.mark.parametrize(
    ("found", "unit", "why"),
    [
        (datetime(2025, 1, 1), 1, "without a time zone: set tzinfo"),
        (None, 1, "found None (NoneType), expected a datetime with a time zone"),
        (float("nan"), 1, "found nan, expected a finite number"),
        (float("-inf"), 1, "found -inf, expected a finite number"),
        (True, 1, "found True (bool)"),
        ("2025-01-01", 1, "found '2025-01-01' (str)"),
        (5, None, "found the number 5 without a unit: set unit="),
        (1 << 63, 1, "out of range"),
        (1e300, 1, "out of range"),
        (1e308, 1_000_000, "out of range"),
    ],
)
def test_what_is_no_stamp_says_what_was_expected(found: Any, unit: int | None, why: str) -> None:
    with pytest.raises(StampError, match=re.escape(why)):
        stamp_of(found, unit)
    assert stamps_of([found], unit) is None


@given(st.lists(st.integers(-(1 << 40), 1 << 40) | st.floats(), min_size=1), st.integers(1, 1000))
def test_many_at_once_are_as_each_alone(found: list[float], unit: int) -> None:
    stamps = stamps_of(found, unit)
    if stamps is not None:
        assert stamps == [stamp_of(each, unit) for each in found]
