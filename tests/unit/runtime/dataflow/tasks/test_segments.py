"""Segments over one batch: in order, or as they come to an end; the first error that stops ends."""

import threading
from typing import Any

import pytest
import trio
from support.compiling import compiled, first_of

import wallarood as w
from wallarood.flow.failures import ComputationFailed, Failure
from wallarood.model.batch import Batch
from wallarood.runtime.dataflow.tasks.segments import PIECES_PER_THREAD, run_segments

Ran = tuple[list[Any], list[Failure]]


async def run(stream: w.Stream[Any], records: list[Any]) -> Ran:
    """What comes of *records* at the end of the first stage of *stream*."""
    application, stage = first_of(stream.to_sink(w.ListSink([])))
    failures: list[Failure] = []
    done = await run_segments(compiled(application, stage), Batch(records), failures)
    return done.values, failures


def numbers() -> w.Stream[int]:
    return w.source("numbers", w.ListSource([], record=int))


class Concurrency:
    """How many are under way at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def under_way(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await trio.lowlevel.checkpoint()
        self.now -= 1


async def test_coroutines_are_under_way_at_once_up_to_a_limit_and_results_stand_in_order() -> None:
    seen = Concurrency()

    @w.computation(concurrency=3)
    async def doubled(number: int) -> int:
        for _ in range(10 - number):
            await seen.under_way()
        return 2 * number

    values, _ = await run(numbers().to(doubled), list(range(10)))
    assert values == [2 * number for number in range(10)]
    assert seen.most == 3


async def test_results_may_come_as_they_are_done(autojump_clock: trio.testing.MockClock) -> None:
    @w.computation(concurrency=3, ordered=False)
    async def slept(number: int) -> int:
        await trio.sleep(number)
        return number

    values, _ = await run(numbers().to(slept), [3, 1, 2])
    assert values == [1, 2, 3]


async def test_what_fails_is_put_aside_and_the_others_go_on_in_their_order() -> None:
    @w.computation(on_error="skip")
    async def inverted(number: int) -> float:
        await trio.lowlevel.checkpoint()
        return 1 / number

    values, failures = await run(numbers().to(inverted), [1, 0, 2])
    assert values == [1.0, 0.5]
    assert [each.letter.record for each in failures] == ["0"]


async def test_the_first_error_that_stops_cancels_what_is_under_way() -> None:
    cancelled = []

    @w.computation
    async def failing(number: int) -> float:
        try:
            await trio.sleep(0 if number == 0 else 3600)
        except trio.Cancelled:
            cancelled.append(number)
            raise
        return 1 / number

    with pytest.raises(ComputationFailed, match="ZeroDivisionError"):
        await run(numbers().to(failing), [1, 0, 2])
    assert sorted(cancelled) == [1, 2]


async def test_several_threads_share_a_batch_and_results_stand_in_order() -> None:
    records = [*range(1, 24), 0, 24]
    size = -(-len(records) // (2 * PIECES_PER_THREAD))
    both = threading.Barrier(2)

    @w.computation(blocking=True, threads=2, on_error="skip")
    def inverted(number: int) -> float:
        if number in (1, 1 + size):  # the first of two pieces: broken, unless both are here
            both.wait(10)
        return 1 / number

    values, failures = await run(numbers().to(inverted), records)
    assert values == [1 / number for number in range(1, 25)]
    assert [each.letter.record for each in failures] == ["0"]


async def test_nothing_is_called_for_a_batch_that_has_become_empty() -> None:
    @w.computation(blocking=True)
    def never(number: int) -> int:
        raise AssertionError("there was no record")

    assert await run(numbers().filter(lambda number: number > 5).to(never), [1, 2]) == ([], [])
