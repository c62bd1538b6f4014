"""A stop: a checkpoint first, for as long as it gets on."""

import trio

from wallarood.control.events import StopWanted
from wallarood.runtime.worker import Worker
from wallarood.systemd.notify import notify

LOOK_S = 0.5
LEAVE_S = 10.0
"""What the service manager is asked for on top, for leaving in an orderly way."""


async def checkpoint_first(worker: Worker, patience_s: float) -> None:
    """Have a checkpoint taken behind which all sources stand still, if there can be one.

    It is given up when nothing of it has moved here for *patience_s* seconds. As long as it moves,
    the service manager is asked for more time.
    """
    running = worker.running
    if running is None or not running.ready.is_set() or worker.completed:
        return
    notify("STATUS=stopping: taking a checkpoint")
    worker.post(StopWanted())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_wait_while_it_moves, worker, patience_s, nursery.cancel_scope)
        await worker.may_leave.wait()
        nursery.cancel_scope.cancel()


async def _wait_while_it_moves(worker: Worker, patience_s: float, scope: trio.CancelScope) -> None:
    furthest = _progress(worker)
    scope.deadline = trio.current_time() + patience_s
    while True:
        await trio.sleep(LOOK_S)
        # A checkpoint that fails and is begun again is no progress until it gets further.
        if (progress := _progress(worker)) > furthest:
            furthest = progress
            scope.deadline = trio.current_time() + patience_s
            notify(f"EXTEND_TIMEOUT_USEC={int((patience_s + LEAVE_S) * 1e6)}")


def _progress(worker: Worker) -> tuple[int, ...]:
    """How far checkpoints are here: the one that is on disk, and the parts of the next."""
    running = worker.running
    if running is None or running.job is None:
        return ()
    return (running.snapshotter.held, *running.job.snapshots.progress)
