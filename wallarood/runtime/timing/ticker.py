"""Puts a tick into the inbox of a stage when the wall clock has come to what it waits for."""

from collections.abc import Callable

import attrs
import trio

from wallarood.flow.steps.timed import Wall
from wallarood.model.time import SECOND
from wallarood.runtime.dataflow.waker import Waker

TICK_S_MAX = 60.0
"""After how long the clock is looked at again at the latest: it may have been set."""


@attrs.define(eq=False)
class Ticker:
    """Calls *tick*, then waits until `taken`."""

    wall: Wall
    tick: Callable[[], None]
    _due: int | None = attrs.field(default=None, init=False)
    _ticked: bool = attrs.field(default=False, init=False)
    _changed: Waker = attrs.field(factory=Waker, init=False)

    def wait_for(self, due: int | None) -> None:
        """The stage waits for this time of the wall clock, or for none."""
        if due != self._due:
            self._due = due
            self._changed.wake()

    def taken(self) -> None:
        """The stage has looked at the clock; `wait_for` says what it waits for now."""
        self._ticked, self._due = False, None

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            if self._due is None or self._ticked:
                await self._changed.wait()
                continue
            began = self.wall()
            left_s = (self._due - began) / SECOND
            if left_s > 0:
                with trio.move_on_after(min(left_s, TICK_S_MAX)):
                    await self._changed.wait()
                if self.wall() >= began:
                    continue
                # The clock was set back: a stage that waits for a time that had passed asks again.
            self._ticked = True
            self.tick()
