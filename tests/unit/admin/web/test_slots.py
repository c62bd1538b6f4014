"""A connection that waits for its next request gives way; one that has a request does not."""

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from wallarood.admin.web.slots import KEEP_S, Slots


async def test_there_are_so_many_places_and_no_more() -> None:
    slots = Slots(2)
    with slots.place() as first, slots.place() as second:
        with slots.place() as third:
            assert (first, second, third) == (True, True, False)
        assert slots.taken == 2
    assert slots.taken == 0


async def test_the_one_that_has_waited_longest_gives_way(autojump_clock: MockClock) -> None:
    slots, ended = Slots(3), list[int]()
    async with trio.open_nursery() as nursery:

        async def keep(number: int) -> None:
            _, server = memory_stream_pair()
            with slots.place():
                await trio.sleep(number)
                assert await slots.next_of(server) == b""
            ended.append(number)

        for number in (2, 1):
            nursery.start_soon(keep, number)
        with slots.place() as busy:
            await trio.sleep(3)
            with slots.place() as new:
                assert (busy, new) == (True, True)
                await wait_all_tasks_blocked()
                assert ended == [1]
        began = trio.current_time()
    assert ended == [1, 2]
    assert trio.current_time() - began == pytest.approx(KEEP_S - 1, abs=0.1)


async def test_what_comes_ends_the_waiting() -> None:
    slots = Slots(1)
    client, server = memory_stream_pair()
    await client.send_all(b"GET")
    with slots.place():
        assert await slots.next_of(server) == b"GET"
        with slots.place() as other:
            assert not other
