"""Ticks: one when the clock has come to what is waited for, and no other until it was taken."""

import trio
from trio.testing import MockClock

from wallarood.model.time import SECOND
from wallarood.runtime.timing.ticker import Ticker


async def test_it_ticks_once_when_the_clock_has_come_there(autojump_clock: MockClock) -> None:
    ticks: list[float] = []
    ticker = Ticker(
        lambda: int(trio.current_time() * SECOND), lambda: ticks.append(trio.current_time())
    )
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        await trio.sleep(5)
        ticker.wait_for(int((began + 100) * SECOND))
        await trio.sleep(20)
        ticker.wait_for(int((began + 30) * SECOND))
        await trio.sleep(500)
        assert [round(each - began) for each in ticks] == [30]
        ticker.taken()
        ticker.wait_for(int((began + 10) * SECOND))
        await trio.sleep(1)
        assert len(ticks) == 2
        ticker.taken()
        ticker.wait_for(None)
        await trio.sleep(500)
        assert len(ticks) == 2
        nursery.cancel_scope.cancel()


async def test_a_clock_that_is_set_forward_is_noticed(autojump_clock: MockClock) -> None:
    ticks: list[float] = []
    ahead = 0
    ticker = Ticker(
        lambda: int(trio.current_time() * SECOND) + ahead,
        lambda: ticks.append(trio.current_time()),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        ticker.wait_for(int((trio.current_time() + 86_400) * SECOND))
        await trio.sleep(10)
        ahead = 90_000 * SECOND
        await trio.sleep(61)
        assert len(ticks) == 1
        nursery.cancel_scope.cancel()


async def test_a_clock_that_is_set_back_is_noticed(autojump_clock: MockClock) -> None:
    ticks: list[float] = []
    behind = 0
    ticker = Ticker(
        lambda: int(trio.current_time() * SECOND) - behind,
        lambda: ticks.append(trio.current_time()),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        ticker.wait_for(int((trio.current_time() + 0.5) * SECOND))
        await trio.sleep(0.25)
        behind = 3_600 * SECOND
        await trio.sleep(1)
        assert len(ticks) == 1
        nursery.cancel_scope.cancel()
