"""The line before the checkpoint store."""

import threading
import time

import pytest
import trio
from support.patience import patiently

from wallarood.model.errors import CannotCreateError, DamagedStateError, RemoteProtocolError
from wallarood.runtime.store.turns import Turn, Turns


async def test_calls_are_made_in_the_order_of_their_turns_one_at_a_time() -> None:
    turns, done, at_once = Turns(), list[int](), threading.Lock()

    async def ask(turn: Turn, number: int) -> None:
        def call() -> None:
            assert at_once.acquire(blocking=False)
            time.sleep(0.001)
            done.append(number)
            at_once.release()

        await turns.run(turn, call)

    taken = [turns.take() for _ in range(20)]
    async with trio.open_nursery() as nursery:
        for number, turn in reversed(list(enumerate(taken))):
            nursery.start_soon(ask, turn, number)
    assert done == list(range(20))


@pytest.mark.parametrize(
    "error", [CannotCreateError("no space left on device"), RemoteProtocolError("no manifest")]
)
async def test_what_is_not_the_store_s_trouble_lets_the_next_have_its_turn(
    error: Exception,
) -> None:
    turns = Turns()

    def fails() -> None:
        raise error

    first, second = turns.take(), turns.take()
    with pytest.raises(type(error)):
        await turns.run(first, fails)
    with patiently(5):
        assert await turns.run(second, lambda: 7) == 7


async def test_after_any_other_failure_nothing_is_done() -> None:
    turns = Turns()

    def damaged() -> None:
        raise DamagedStateError("a row is damaged")

    first, second, calls = turns.take(), turns.take(), list[int]()
    with pytest.raises(DamagedStateError):
        await turns.run(first, damaged)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run, second, lambda: calls.append(2))
        await turns.wait_idle()
        nursery.cancel_scope.cancel()
    assert calls == []


async def test_idle_is_when_the_last_turn_is_over() -> None:
    turns, ran = Turns(), list[str]()
    await turns.wait_idle()
    turn = turns.take()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run, turn, lambda: ran.append("call"))
        await turns.wait_idle()
        ran.append("idle")
    assert ran == ["call", "idle"]


async def test_a_turn_that_is_cancelled_is_over() -> None:
    turns = Turns()
    with trio.move_on_after(0) as scope:
        scope.cancel()
        await turns.run(turns.take(), lambda: None)
    await turns.wait_idle()


async def test_what_comes_after_a_cancelled_turn_is_done() -> None:
    turns, calls = Turns(), list[int]()
    with trio.CancelScope() as scope:
        scope.cancel()
        await turns.run(turns.take(), lambda: calls.append(1))
    with patiently(5):
        await turns.run(turns.take(), lambda: calls.append(2))
    assert calls == [2]


async def test_nothing_is_called_any_more_when_the_store_is_about_to_be_closed() -> None:
    turns, calls = Turns(), list[int]()
    turns.end()
    with trio.move_on_after(0.05) as scope:
        await turns.run(turns.take(), lambda: calls.append(1))
    assert scope.cancelled_caught
    assert calls == []
