"""Spans of time as people write them."""

from datetime import timedelta
from typing import Any

import pytest

from wallarood.model.timing.spans import parse_span, show_span


@pytest.mark.parametrize(
    ("span", "us"),
    [
        ("5s", 5_000_000),
        ("1h30min", 5_400_000_000),
        ("250ms", 250_000),
        ("7d", 604_800_000_000),
        ("0s", 0),
        ("-5s", -5_000_000),
        ("1.5 s", 1_500_000),
        ("1us", 1),
        (timedelta(seconds=-3), -3_000_000),
    ],
)
def test_spans_are_read(span: Any, us: int) -> None:
    assert parse_span(span) == us


@pytest.mark.parametrize(
    "span", ["", "5", "s", "5 apples", "5s x", "1m", 5, None, "--5s", "99999999d"]
)
def test_what_is_no_span_is_refused(span: Any) -> None:
    with pytest.raises(ValueError, match="expected a span such as '5s'"):
        parse_span(span)


@pytest.mark.parametrize("text", ["5s", "1h30min", "7d", "0s", "-1d12h", "1us", "250ms"])
def test_spans_are_shown_as_they_are_written(text: str) -> None:
    assert show_span(parse_span(text)) == text
