"""A stop: signals; a checkpoint first, for as long as it gets on; then what can be published."""
# Theory of operation
# ===================
# An end takes `timing.stop` at most: part of it is for the checkpoint and for publishing, the rest
# for leaving. Only a checkpoint that gets on has it prolonged. What has not come to rest by then
# does not matter any more, see `wallarood.daemon.ending`. The time runs from the signal itself,
# also while user code holds the event loop.

import contextlib
import signal
from collections.abc import Callable
from types import FrameType

import attrs
import structlog
import trio

from wallarood.control.events import StopWanted
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.daemon.ending import Ending
from wallarood.model.errors import WallaroodError
from wallarood.runtime.leaving import publish_what_can_be
from wallarood.runtime.worker import Round, Worker
from wallarood.systemd.notify import notify

LOOK_S = 0.5
PUBLISH_S = 1.0
"""How long output may be published when the checkpoint has taken all of the time."""
LEAVE_S = 10.0
"""What the service manager is asked for on top, for leaving in an orderly way."""

LEAVING = 0.25
"""The part of the time for a stop that is for leaving; as much is for publishing."""
LEAVE_MOST_S = 4.0
LATE_S = 0.5
"""How long beyond its time an orderly end is waited for."""

log = structlog.get_logger(__name__)


def leave_s(stop_s: float) -> float:
    """How long leaving may take when a stop may take *stop_s*."""
    return min(LEAVE_MOST_S, LEAVING * stop_s)


@attrs.define(eq=False)
class Signals:
    """What signals ask for: `stopping` is set once, `reload` is what SIGHUP calls by then.

    `driving` is set when a task waits for `stopping`.
    """

    ending: Ending
    stop_s: float
    stopping: trio.Event = attrs.field(factory=trio.Event)
    driving: bool = False
    reload: Callable[[], object] = attrs.field(default=lambda: None)

    async def heed(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle signals, until cancelled."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            for ends in (signal.SIGINT, signal.SIGTERM):
                self._count_from(ends)
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    with contextlib.suppress(WallaroodError):  # it has been logged
                        self.reload()
                    continue
                log.info("stopping", signal=signal.Signals(number).name)
                self.stopping.set()

    def _count_from(self, number: signal.Signals) -> None:
        """Let the time for a stop run from the first such signal, whatever the event loop does."""
        heed = signal.getsignal(number)

        def handle(given: int, frame: FrameType | None) -> None:
            if not self.ending.begun:
                self.ending.within(self.stop_s + LATE_S)
            if callable(heed):
                heed(given, frame)

        signal.signal(number, handle)

    async def stop_early(self, scope: trio.CancelScope) -> None:
        """End what *scope* is of if a stop is wanted before there is a worker to leave."""
        await self.stopping.wait()
        if not self.driving:
            scope.cancel()


async def checkpoint_first(worker: Worker, stop_s: float, ending: Ending) -> None:
    """Have a checkpoint taken after which all sources stand still, if there can be one.

    It is abandoned when nothing of it has moved here for so long that publishing and leaving are
    left of *stop_s*. As long as it moves, *ending* is put off, and the service manager is asked
    for more time. Output that is committed is published meanwhile; a receiver that is away is not
    waited for.
    """
    patience_s = stop_s - 2 * leave_s(stop_s)
    running, machines = worker.running, worker.node.active_round
    if running is None or machines is None or not running.ready.is_set() or worker.node.completed:
        return
    until = trio.current_time() + patience_s
    notify("STATUS=stopping: taking a checkpoint")
    worker.post(StopWanted())
    async with trio.open_nursery() as nursery:
        scope = nursery.cancel_scope
        scope.deadline = trio.current_time() + patience_s

        def moved() -> None:
            scope.deadline = trio.current_time() + patience_s
            ending.within(stop_s + LATE_S)
            notify(f"EXTEND_TIMEOUT_USEC={int((stop_s + LEAVE_S) * 1e6)}")

        nursery.start_soon(_watch, running, machines.checkpoint_member, moved)
        await worker.may_leave.wait()
        nursery.cancel_scope.cancel()
    publish_s = min(PUBLISH_S, leave_s(stop_s))
    until = max(until, trio.current_time() + publish_s)
    await publish_what_can_be(running, machines.checkpoint_member.committed, until)


async def _watch(running: Round, member: CheckpointMember, moved: Callable[[], None]) -> None:
    furthest = _progress(running, member)
    while True:
        await trio.sleep(LOOK_S)
        # A checkpoint that fails and is begun again is no progress until it gets further.
        if (progress := _progress(running, member)) > furthest:
            furthest = progress
            moved()


def _progress(running: Round, member: CheckpointMember) -> tuple[int, ...]:
    """How far the checkpoint of the stop is here, whichever attempt at it has got furthest.

    Begun, on disk, and the parts; before it is begun, nothing counts: checkpoints out of turn come
    and go. After its barrier sources stand still, so that what stages process has an end.
    """
    number, job = running.stopping_at, running.job
    if job is None or not number:
        return (0,)
    processed = sum(each.records_in for each in job.counters.values())
    on_disk = member.held >= number
    return (1, int(on_disk), *job.collector.progress, processed)
