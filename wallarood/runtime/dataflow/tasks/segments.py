"""Running the segments of a stage over one batch: inline, in a thread, or as coroutines."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import trio

from wallarood.flow.compile import DROPPED, Concurrent, Inline, InThread, Segment
from wallarood.flow.failures import ComputationFailed, Failure, fail
from wallarood.flow.steps.operators import settled
from wallarood.model.batch import Batch

PIECES_PER_THREAD = 4


async def run_segments(
    segments: Sequence[Segment], batch: Batch, failures: list[Failure], *, side: int = 0
) -> Batch:
    """Pass *batch* through *segments*; what an `on_error` let pass is added to *failures*.

    *side* is the number of the input of the first step that it is of.

    Raises ComputationFailed: user code raised and its policy is to stop.
    """
    for segment in segments:
        if not batch.values:
            break
        match segment:
            case Inline():
                batch = segment.run(batch, failures, side)
                side = 0
            case InThread():
                batch = await _run_in_threads(segment, batch, failures)
            case Concurrent():
                batch = await _run_concurrently(segment, batch, failures)
    return batch


async def _run_in_threads(segment: InThread, batch: Batch, failures: list[Failure]) -> Batch:
    """Cut *batch* into pieces, so that threads are busy alike, and put the results in order."""
    size = -(-len(batch) // (segment.threads * PIECES_PER_THREAD)) if segment.threads > 1 else None
    if size is None or size >= len(batch):
        return await trio.to_thread.run_sync(segment.run, batch, failures, abandon_on_cancel=True)
    pieces = [batch.cut(start, start + size) for start in range(0, len(batch), size)]
    done: list[Batch] = [Batch([])] * len(pieces)
    failed: list[list[Failure]] = [[] for _ in pieces]
    stopped: list[ComputationFailed] = []
    limiter = trio.CapacityLimiter(segment.threads)

    async def work(index: int) -> None:
        try:
            done[index] = await trio.to_thread.run_sync(
                segment.run, pieces[index], failed[index], abandon_on_cancel=True, limiter=limiter
            )
        except ComputationFailed as error:
            stopped.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for index in range(len(pieces)):
            nursery.start_soon(work, index)
    if stopped:
        raise stopped[0]
    failures += chain.from_iterable(failed)
    return Batch.join(done)


async def _run_concurrently(segment: Concurrent, batch: Batch, failures: list[Failure]) -> Batch:
    computation = segment.computation
    results: list[Any] = [DROPPED] * len(batch)
    finished: list[int] = []
    stopped: list[ComputationFailed] = []
    waiting = iter(enumerate(batch.values))

    async def work() -> None:
        for index, record in waiting:
            try:
                results[index] = settled(computation.shape, await computation.function(record))
            except BaseException as error:
                try:
                    fail(computation, record, error, failures=failures)
                except ComputationFailed as failed:
                    stopped.append(failed)
                    nursery.cancel_scope.cancel()
            finished.append(index)

    async with trio.open_nursery() as nursery:
        for _ in range(min(computation.concurrency, len(batch))):
            nursery.start_soon(work)
    if stopped:
        raise stopped[0]
    if computation.ordered:
        return segment.gather(batch, results)
    return segment.gather(batch.reorder(finished), [results[index] for index in finished])
