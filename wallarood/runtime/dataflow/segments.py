"""Running the segments of a stage over one batch: inline, in a thread, or as coroutines."""

from collections.abc import Sequence
from typing import Any

import trio

from wallarood.flow.compile import DROPPED, Concurrent, Inline, InThread, Segment
from wallarood.flow.failures import ComputationFailed, Failure, fail
from wallarood.flow.steps.operators import settled
from wallarood.model.batch import Batch


async def run_segments(segments: Sequence[Segment], batch: Batch, failures: list[Failure]) -> Batch:
    """Pass *batch* through *segments*; what an `on_error` let pass is added to *failures*.

    Raises ComputationFailed: user code raised and its policy is to stop.
    """
    for segment in segments:
        if not batch.values:
            break
        match segment:
            case Inline():
                batch = segment.run(batch, failures)
            case InThread():
                batch = await trio.to_thread.run_sync(
                    segment.run, batch, failures, abandon_on_cancel=True
                )
            case Concurrent():
                batch = await _run_concurrently(segment, batch, failures)
    return batch


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
    keys = None if batch.keys is None else [batch.keys[index] for index in finished]
    completed = Batch([batch.values[index] for index in finished], keys)
    return segment.gather(completed, [results[index] for index in finished])
