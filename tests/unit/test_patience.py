"""Waits of tests last longer where the machine is slow, and no longer than that."""

import time

import pytest
import trio
from support import patience
from support.patience import Wait, patiently


def test_a_wait_that_comes_to_its_end_lasts_as_many_times_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "STEPS_S", patience.STEPS_S / 30)
    wait = Wait(0.1)
    time.sleep(0.1)
    assert wait.left_s() >= 0
    assert wait.ends_after_s >= 0.2


async def test_who_is_patient_gives_up_too() -> None:
    with pytest.raises(trio.TooSlowError, match="not within"), patiently(0.01):
        await trio.sleep_forever()


async def test_where_time_is_made_up_it_is_not_measured_either(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with pytest.raises(trio.TooSlowError), patiently(1000):
        await trio.sleep_forever()
    assert trio.current_time() == 1000
