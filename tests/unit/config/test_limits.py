"""The limits: each default is within its bounds, and those that depend on each other agree."""

import pytest

from wallarood.config.key import Key, Kind
from wallarood.config.limits import LIMITS

BY_NAME = {key.full_name: key for key in LIMITS}


@pytest.mark.parametrize("key", LIMITS, ids=lambda key: key.full_name)
def test_a_default_is_within_its_bounds(key: Key) -> None:
    assert key.at_least is not None
    assert key.at_most is not None
    assert key.at_least <= key.default <= key.at_most


@pytest.mark.parametrize("key", LIMITS, ids=lambda key: key.full_name)
def test_a_limit_says_how_much_and_is_no_switch(key: Key) -> None:
    assert key.kind in (Kind.DURATION, Kind.NUMBER, Kind.SIZE)
    assert key.help.endswith(".")


@pytest.mark.parametrize(
    ("small", "large", "why"),
    [
        ("timing.heartbeat", "timing.liveness-deadline", "several heartbeats fit into a silence"),
        ("checkpoint.interval", "checkpoint.deadline", "a checkpoint may take several intervals"),
        ("limits.batch-bytes-max", "limits.frame-bytes-max", "a batch fits into a frame"),
        ("limits.record-bytes-max", "limits.frame-bytes-max", "so does a record"),
        ("timing.connect-backoff-max", "timing.liveness-deadline", "a peer is back in time"),
    ],
)
def test_defaults_that_depend_on_each_other_go_together(small: str, large: str, why: str) -> None:
    assert BY_NAME[small].default < BY_NAME[large].default, why
