"""A server that is away: said with whom and since when, and tried again ever more rarely."""

import re
import time
from typing import Any

import pytest
import trio

import wallarood as w
from wallarood.runtime.dataflow.tasks.away import AGAIN_MAX_S, Away


async def test_pauses_grow_and_end_when_it_is_back(autojump_clock: Any) -> None:
    del autojump_clock
    away = Away("source 'in'")
    paused = []
    for _ in range(12):
        with away.noticed():
            raise w.ServerAwayError("redis 127.0.0.1:1: connection refused")
        began = trio.current_time()
        await away.pause()
        paused.append(trio.current_time() - began)
    assert paused[0] < 1.1
    assert all(AGAIN_MAX_S / 2 <= each <= AGAIN_MAX_S for each in paused[-5:])
    said = r"redis 127\.0\.0\.1:1: connection refused \(since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)"
    assert re.fullmatch(said, away.waits)
    assert away.again == 12
    assert away.since is not None
    assert 0 <= time.time() - away.since < 60
    with away.noticed():
        pass
    assert (away.waits, away.reason, away.since) == ("", "", None)
    began = trio.current_time()
    await away.pause()
    assert trio.current_time() - began < 1.1


def test_other_failures_pass() -> None:
    away = Away("source 'in'")
    gone = r"position 3 of x is gone: the lowest .* is 5"
    with pytest.raises(w.PositionGoneError, match=gone), away.noticed():
        raise w.PositionGoneError.of("redis", "x", position=3, lowest=5)
    assert away.waits == ""
