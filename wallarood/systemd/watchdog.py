"""Keeps systemd's watchdog content as long as the worker gets on, and says where it hangs."""
# Theory of operation
# ===================
# A turn of the event loop is half of the proof; that no stage is stuck is the other, and asked for.
# A loop that does not turn can say nothing itself: faulthandler's thread, armed at every beat,
# prints the stack without needing the interpreter, a little before systemd ends the process. Where
# the loop turns and something is stuck, the tree of tasks goes to the log.

import faulthandler
from collections.abc import Callable, Iterator

import structlog
import trio

from wallarood.systemd.notify import notify, watchdog_s

BEATS = 4
"""How many beats fall into the time that systemd waits."""
STDERR = 2
SAY_AT = 0.8
"""The part of that time after which the stack is printed."""

log = structlog.get_logger(__name__)


async def keep_watch(stuck: Callable[[], str]) -> None:
    """Beat, except while *stuck* returns a reason. Without a watchdog it ends at once."""
    wait_s = watchdog_s()
    if wait_s is None:
        return
    said = ""
    try:
        while True:
            reason = stuck()
            if not reason:
                notify("WATCHDOG=1")
                faulthandler.dump_traceback_later(wait_s * SAY_AT, file=STDERR)
            elif reason != said:
                log.error(
                    "worker is stuck; the systemd watchdog will kill it",
                    reason=reason,
                    tasks="\n".join(task_tree()),
                )
            said = reason
            await trio.sleep(wait_s / BEATS)
    finally:
        faulthandler.cancel_dump_traceback_later()


def task_tree() -> list[str]:
    """A line for every task below the root, with where it waits."""
    root = trio.lowlevel.current_root_task()
    return [] if root is None else list(_lines(root, 0))


def _lines(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    frames = list(task.iter_await_frames())
    ours = [frame for frame, _ in frames if "/trio/" not in frame.f_code.co_filename]
    at = f"{ours[-1].f_code.co_filename}:{ours[-1].f_lineno}" if ours else "?"
    yield f"{'  ' * depth}{task.name}  {at}"
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _lines(child, depth + 1)
