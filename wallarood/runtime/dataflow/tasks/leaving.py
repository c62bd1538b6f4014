"""A partition that goes while it is read: it is left at once, but not amid a hand-over."""

from collections.abc import Awaitable, Callable

import attrs
import trio


@attrs.define(eq=False)
class Leaving:
    """Leaves what runs within `scope` when the partition has gone."""

    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _gone: bool = attrs.field(default=False, init=False)
    _handing_on: bool = attrs.field(default=False, init=False)

    def go(self) -> None:
        """The partition is gone: leave, or do so when what is handed on has been."""
        self._gone = True
        if not self._handing_on:
            self.scope.cancel()

    async def whole(self, hand_on: Callable[[], Awaitable[None]]) -> None:
        """Call *hand_on*, and leave after it rather than during it; not at all if it is gone."""
        if self._gone:
            await trio.lowlevel.checkpoint()
        self._handing_on = True
        try:
            await hand_on()
        finally:
            self._handing_on = False
            if self._gone:
                self.scope.cancel()
