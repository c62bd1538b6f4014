"""Spans of time as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.spans import SPAN_US_MAX, parse_span, show_span


@pytest.mark.parametrize(
    ("span", "us"),
    [
        ("0s", 0),
        ("1us", 1),
        ("1ms", 1_000),
        ("90s", 90_000_000),
        ("1h30min", 5_400_000_000),
        ("1 h 30 min", 5_400_000_000),
        ("7d", 604_800_000_000),
        ("1.5s", 1_500_000),
        ("-5s", -5_000_000),
        (timedelta(minutes=1, microseconds=3), 60_000_003),
    ],
)
def test_a_span_counts_microseconds(span: str | timedelta, us: int) -> None:
    assert parse_span(span) == us


NO_SPANS = ("", " ", "-", "5", "s", "5 m", "5m", "5sec", "1h 30", "--5s", "5s-3s", "1e3s", ".5s")


@pytest.mark.parametrize(
    "span", [*NO_SPANS, "5S", "5\ns x", 5, None, b"5s", "99999999d", timedelta.max]
)
def test_what_is_no_span_is_refused_with_what_is(span: object) -> None:
    with pytest.raises(ValueError, match="expected a span such as '5s', '1h30min' or '7d'"):
        parse_span(span)  # type: ignore[arg-type]


@given(st.integers(-(1 << 53), 1 << 53))
def test_what_is_shown_can_be_written(us: int) -> None:
    assert parse_span(show_span(us)) == us


def test_spans_are_shown_in_their_largest_units() -> None:
    shown = [show_span(each) for each in (0, 1, 1_000, 90_000_000, 86_400_000_001, -5_000_000)]
    assert shown == ["0s", "1us", "1ms", "1min30s", "1d1us", "-5s"]


def test_the_longest_span_is_one() -> None:
    assert abs(parse_span(timedelta(microseconds=SPAN_US_MAX))) == SPAN_US_MAX
