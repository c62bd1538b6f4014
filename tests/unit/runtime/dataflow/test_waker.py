"""The waker: one task waits, anybody wakes it, and a cancelled wait leaves nothing behind."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.runtime.dataflow.waker import Waker


async def test_the_task_that_waits_goes_on_each_time_it_is_woken() -> None:
    waker = Waker()
    woken: list[int] = []

    async def wait_three_times() -> None:
        for number in range(3):
            await waker.wait()
            woken.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_three_times)
        for number in range(3):
            await wait_all_tasks_blocked()
            assert woken == list(range(number))
            waker.wake()
            waker.wake()  # it has been woken and has not run yet
    assert woken == [0, 1, 2]


async def test_waking_nobody_is_not_kept_for_later() -> None:
    waker = Waker()
    waker.wake()
    with trio.move_on_after(0.01) as waiting:
        await waker.wait()
    assert waiting.cancelled_caught


async def test_a_cancelled_wait_leaves_room_for_the_next() -> None:
    waker = Waker()
    with trio.CancelScope() as gave_up:
        gave_up.cancel()
        await waker.wait()
    waker.wake()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waker.wait)
        await wait_all_tasks_blocked()
        waker.wake()


async def test_a_second_task_is_refused_by_name() -> None:
    waker = Waker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waker.wait, name="the first")
        await wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="the first waits here already"):
            await waker.wait()
        waker.wake()
