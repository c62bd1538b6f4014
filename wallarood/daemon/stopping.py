"""A stop: a checkpoint first, for as long as it gets on; then what can be published at once."""

import trio

from wallarood.control.events import StopWanted
from wallarood.runtime.leaving import publish_what_can_be
from wallarood.runtime.worker import Round, Worker
from wallarood.systemd.notify import notify

LOOK_S = 0.5
PUBLISH_S = 1.0
"""How long output may be published when the checkpoint has taken all of the time."""
LEAVE_S = 10.0
"""What the service manager is asked for on top, for leaving in an orderly way."""


async def checkpoint_first(worker: Worker, patience_s: float) -> None:
    """Have a checkpoint taken behind which all sources stand still, if there can be one.

    It is given up when nothing of it has moved here for *patience_s* seconds. As long as it moves,
    the service manager is asked for more time. Output that is committed is published meanwhile;
    a receiver that is away is not waited for.
    """
    running = worker.running
    if running is None or not running.ready.is_set() or worker.completed:
        return
    until = trio.current_time() + patience_s
    notify("STATUS=stopping: taking a checkpoint")
    worker.post(StopWanted())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_wait_while_it_moves, running, patience_s, nursery.cancel_scope)
        await worker.may_leave.wait()
        nursery.cancel_scope.cancel()
    await publish_what_can_be(running, max(until, trio.current_time() + PUBLISH_S))


async def _wait_while_it_moves(running: Round, patience_s: float, scope: trio.CancelScope) -> None:
    furthest = _progress(running)
    scope.deadline = trio.current_time() + patience_s
    while True:
        await trio.sleep(LOOK_S)
        # A checkpoint that fails and is begun again is no progress until it gets further.
        if (progress := _progress(running)) > furthest:
            furthest = progress
            scope.deadline = trio.current_time() + patience_s
            notify(f"EXTEND_TIMEOUT_USEC={int((patience_s + LEAVE_S) * 1e6)}")


def _progress(running: Round) -> tuple[int, ...]:
    """How far the checkpoint of the stop is here, whichever attempt at it has got furthest.

    Begun, on disk, and the parts; before it is begun, nothing counts: checkpoints out of turn come
    and go. Behind its barrier sources stand still, so that what stages process has an end.
    """
    number, job = running.stopping_at, running.job
    if job is None or not number:
        return (0,)
    processed = sum(each.records_in for each in job.counters.values())
    on_disk = running.snapshotter.held >= number
    return (1, int(on_disk), *job.snapshots.progress, processed)
