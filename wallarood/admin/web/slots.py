"""How many connections there may be at a time, and which of them give way to others."""
# Theory of operation
# ===================
# A monitoring system keeps its connection for minutes between two requests. So a connection that
# waits for its next request counts, but the one that has waited longest is closed when there is no
# place for a new one. Those in the middle of a request are never closed for another.

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

KEEP_S = 60.0
READ_BYTES = 16 << 10


@attrs.define(eq=False)
class Slots:
    """Places for *most* connections."""

    most: int
    taken: int = attrs.field(default=0, init=False)
    _idle: dict[trio.CancelScope, None] = attrs.field(factory=dict, init=False)
    """Those that wait for their next request, the one that has waited longest first."""

    @contextmanager
    def place(self) -> Iterator[bool]:
        """A place for a connection, for a `with` statement; False: there is none."""
        if self.taken >= self.most and not self._give_way():
            yield False
            return
        self.taken += 1
        try:
            yield True
        finally:
            self.taken -= 1

    def _give_way(self) -> bool:
        for scope in self._idle:
            del self._idle[scope]
            scope.cancel()
            return True
        return False

    async def next_of(self, stream: trio.abc.Stream) -> bytes:
        """See `wallarood.admin.web.exchange.Idling`."""
        with trio.move_on_after(KEEP_S) as scope:
            self._idle[scope] = None
            try:
                return bytes(await stream.receive_some(READ_BYTES))
            finally:
                self._idle.pop(scope, None)
        return b""
