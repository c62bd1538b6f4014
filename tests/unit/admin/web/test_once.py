"""However many ask, it is made once in a while."""

import pytest
import trio
from trio.testing import MockClock

from wallarood.admin.web.once import Once


async def test_those_who_ask_together_get_the_same(autojump_clock: MockClock) -> None:
    made: list[float] = []

    async def make() -> int:
        made.append(trio.current_time())
        await trio.sleep(0.2)
        return len(made)

    once, got = Once(make, 0.5), []

    async def ask() -> None:
        got.append(await once.get())

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert got == [1] * 50
    assert await once.get() == 1
    await trio.sleep(0.6)
    assert await once.get() == 2


async def test_one_who_asks_again_after_a_failure_has_it_made(autojump_clock: MockClock) -> None:
    tries: list[int] = []

    async def make() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no")
        return "made"

    once = Once(make, 0.5)
    with pytest.raises(OSError, match="no"):
        await once.get()
    assert await once.get() == "made"
