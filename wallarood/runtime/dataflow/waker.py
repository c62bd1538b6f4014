"""Wakes the one task that waits for something.

At a low rate every record is a batch of its own and is waited for at each hop. There
`trio.lowlevel.ParkingLot`, which is made for many tasks, costs several times as much.
"""

import attrs
import trio


@attrs.define(eq=False)
class Waker:
    """One task waits in `wait` until `wake` is called; a call while no task waits is lost."""

    _waiting: trio.lowlevel.Task | None = attrs.field(default=None, init=False)

    async def wait(self) -> None:
        """Return when `wake` is called. Raises RuntimeError: another task waits already."""
        if self._waiting is not None:
            raise RuntimeError(f"{self._waiting.name} waits here already")
        self._waiting = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def _give_up(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiting = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        """The task that waits continues, if there is one."""
        if self._waiting is not None:
            task, self._waiting = self._waiting, None
            trio.lowlevel.reschedule(task)
