"""Spans as arguments: what is wrong is said with the name of the argument."""

from typing import Any

import pytest

import wallarood as w
from wallarood.app.spans import span_us


def test_the_least_span_is_one_microsecond_unless_it_is_said() -> None:
    assert span_us("1us", "every") == 1
    assert span_us("0s", "grace", least=0) == 0


@pytest.mark.parametrize(
    ("span", "least", "message"),
    [
        ("-1s", 1, "every='-1s': expected more than 0s"),
        ("999us", 1000, "every='999us': expected at least 1ms"),
        ("1 year", 1, "every='1 year': found '1 year', expected a span such as '5s'"),
        (1.5, 1, "every=1.5: found 1.5, expected a span"),
    ],
)
def test_what_is_too_short_or_no_span_is_refused(span: Any, least: int, message: str) -> None:
    with pytest.raises(w.PipelineError, match=message):
        span_us(span, "every", least=least)
