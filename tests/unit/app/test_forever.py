"""Without end is something that is said, never what is left out."""

from datetime import timedelta
from typing import Any

import pytest

import wallarood as w
from wallarood.app.forever import bound_us


def test_a_bound_is_a_span_or_forever() -> None:
    assert bound_us("1min", "ttl") == bound_us(timedelta(minutes=1), "ttl") == 60_000_000
    assert bound_us(w.forever, "ttl") is None
    assert repr(w.forever) == "w.forever"


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (None, "ttl=None: expected a span such as '1h', or w.forever to keep everything"),
        ("0s", "ttl='0s': expected more than 0s"),
        (5, "ttl=5: .*expected a span"),
    ],
)
def test_what_is_neither_is_refused(bound: Any, message: str) -> None:
    with pytest.raises(w.PipelineError, match=message):
        bound_us(bound, "ttl")
