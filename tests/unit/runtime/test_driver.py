"""The driver: events in their order, the timer only when there is none, failures of the host."""

from pathlib import Path

import trio
from support.lone import endless, lone_worker

from wallarood.control.events import (
    ConnectionLost,
    Event,
    HoldingsRead,
    JobHalted,
    RoundWritten,
    TimerFired,
)
from wallarood.control.worker_state import WorkerState
from wallarood.model.errors import CannotCreateError
from wallarood.runtime.driver import _next, step
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Woken


async def test_what_the_worker_has_posted_comes_before_what_comes_from_outside(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        to_driver, events = trio.open_memory_channel[Event | Woken](9)
        to_driver.send_nowait(ConnectionLost(1))
        lone.worker.posted.extend([JobHalted(), ConnectionLost(2)])
        found = [await _next(lone.worker, events) for _ in range(3)]
        assert found == [JobHalted(), ConnectionLost(2), ConnectionLost(1)]


async def test_the_timer_fires_only_when_nothing_else_has_come(tmp_path: Path) -> None:
    """After a stall of this process, what has arrived counts before the silence of a peer."""
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        to_driver, events = trio.open_memory_channel[Event | Woken](9)
        lone.worker.node.shutdown_at = trio.current_time() - 60
        to_driver.send_nowait(ConnectionLost(1))
        found = [await _next(lone.worker, events) for _ in range(2)]
        assert found == [ConnectionLost(1), TimerFired()]


async def test_a_state_directory_that_cannot_be_written_ends_this_worker(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        worker = lone.worker
        perform(worker, worker.node.begin(trio.current_time()))
        for event in (HoldingsRead, RoundWritten):
            await lone.until(lambda: worker.posted)
            assert isinstance(worker.posted[0], event)
            if event is RoundWritten:
                worker.store.cluster_path.rename(tmp_path / "gone")
                worker.store.cluster_path.write_text("in the way")
            step(worker, worker.posted.popleft())
        assert isinstance(worker.node.failure, CannotCreateError)
        assert worker.node.state is WorkerState.FAILED
