"""A partition that goes: what is awaited ends at once, and what is handed on is whole."""

from functools import partial

import trio
from trio.testing import MockClock

from wallarood.runtime.dataflow.tasks.leaving import Leaving


async def handed_on(leaving: Leaving, done: list[str], *, go_after_s: float) -> None:
    """Wait for a second, and hand on for two; it goes meanwhile."""

    async def go() -> None:
        await trio.sleep(go_after_s)
        leaving.go()

    async def hand_on(name: str) -> None:
        done.append(f"{name} begun")
        await trio.sleep(2)
        done.append(f"{name} done")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go)
        with leaving.scope:
            await trio.sleep(1)
            done.append("read")
            await leaving.whole(partial(hand_on, "a"))
            await trio.sleep(1)
            await leaving.whole(partial(hand_on, "b"))


async def test_a_wait_ends_at_once(autojump_clock: MockClock) -> None:
    done: list[str] = []
    await handed_on(Leaving(), done, go_after_s=0.5)
    assert done == []
    await handed_on(Leaving(), done, go_after_s=3.5)
    assert done == ["read", "a begun", "a done"]


async def test_what_is_handed_on_is_so_to_its_end(autojump_clock: MockClock) -> None:
    done: list[str] = []
    await handed_on(Leaving(), done, go_after_s=2)
    assert done == ["read", "a begun", "a done"]


async def test_nothing_is_handed_on_of_what_is_gone() -> None:
    leaving = Leaving()
    with leaving.scope:
        leaving.go()
        await leaving.whole(trio.sleep_forever)
    assert leaving.scope.cancelled_caught


async def test_whoever_cancels_all_cancels_also_what_is_handed_on() -> None:
    leaving = Leaving()
    with trio.move_on_after(0.01) as outer, leaving.scope:
        await leaving.whole(trio.sleep_forever)
    assert outer.cancelled_caught
