"""Drift: a partition that is far ahead waits, and nobody waits for one that does not read."""

import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.flow.source_time import SourceTime
from wallarood.model.time import Condition, TimeSettings
from wallarood.runtime.timing.drift import Drift


def drift(**stamps: int) -> Drift:
    """A source with these partitions, of which none may be more than 10 ahead."""
    time = SourceTime(TimeSettings(out_of_order=0, drift=10))
    time.expect([*stamps, "silent"])
    for name, stamp in stamps.items():
        time.tell(name, Condition.ACTIVE)
        time.observe(name, stamp)
    time.tell("silent", Condition.ACTIVE)
    return Drift(time, 10)


async def waits(held: Drift, partition: str) -> bool:
    with trio.move_on_after(0) as scope:
        await held.wait(partition)
        return False
    return scope.cancelled_caught


async def test_a_partition_waits_while_it_is_too_far_ahead_of_the_slowest() -> None:
    held = drift(a=100, b=110, c=111)
    assert not await waits(held, "a")
    assert not await waits(held, "b")
    assert await waits(held, "c")
    done: list[str] = []

    async def read() -> None:
        await held.wait("c")
        done.append("c")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        held.time.observe("a", 101)
        held.moved()
        await wait_all_tasks_blocked()
        assert done == ["c"]


async def test_nobody_waits_for_a_partition_that_is_idle_or_has_ended() -> None:
    for condition in (Condition.IDLE, Condition.ENDED):
        held = drift(a=100, b=200)
        assert await waits(held, "b")
        held.time.tell("a", condition)
        assert not await waits(held, "b")


async def test_the_slowest_may_be_on_another_worker() -> None:
    held = drift(a=100, b=105)
    held.time.await_word(["other", "third"])
    assert await waits(held, "a"), "nobody has said where theirs are"
    assert not await waits(held, "silent"), "its first record says where it is"
    held.time.elsewhere("other", None)
    assert await waits(held, "a")
    held.time.elsewhere("third", 94)
    assert not await waits(held, "a")
    assert await waits(held, "b")
    held.time.elsewhere("third", 95)
    assert not await waits(held, "b")
    assert held.time.slowest == 100


async def test_one_that_comes_back_late_stops_nobody() -> None:
    held = drift(a=20, b=200)
    held.time.tell("silent", Condition.IDLE)
    held.time.tell("a", Condition.IDLE)
    assert held.time.advance(0) == 200
    held.time.observe("a", 30)
    assert not await waits(held, "b")
