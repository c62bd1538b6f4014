"""The one way to the checkpoint store: a thread at a time, in the order of the calls."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import trio

from wallarood.model.errors import CannotCreateError

T = TypeVar("T")


@attrs.frozen
class _Call:
    call: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[CannotCreateError], None]


@attrs.define(eq=False)
class StoreTask:
    """Runs calls one after the other in a thread, so that a slow disk holds up no record."""

    _calls: trio.MemorySendChannel[_Call] = attrs.field(init=False)
    _waiting: trio.MemoryReceiveChannel[_Call] = attrs.field(init=False)
    _pending: int = attrs.field(default=0, init=False)
    _ended: bool = attrs.field(default=False, init=False)
    _idle: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        # Bounded by what is asked for: a checkpoint at a time, and a few marks.
        self._calls, self._waiting = trio.open_memory_channel(math.inf)

    async def run(self) -> None:
        """Carry out calls, until cancelled. Raises what a call raises, except CannotCreateError."""
        try:
            async for each in self._waiting:
                try:
                    result = await trio.to_thread.run_sync(each.call)
                except CannotCreateError as error:
                    each.failed(error)
                else:
                    each.done(result)
                self._pending -= 1
                if not self._pending:
                    self._idle.unpark_all()
        finally:  # what is queued will not be done any more
            self._ended, self._pending = True, 0
            self._idle.unpark_all()

    def submit(
        self,
        call: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[CannotCreateError], None],
    ) -> None:
        """Queue *call*; afterwards *done* or *failed* is called on the event loop."""
        if self._ended:
            return
        self._pending += 1
        self._calls.send_nowait(_Call(call, done, failed))

    async def wait_idle(self) -> None:
        """Return when nothing is queued or under way."""
        while self._pending:
            await self._idle.park()
