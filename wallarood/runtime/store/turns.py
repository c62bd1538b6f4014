"""The one way to the checkpoint store: a call at a time, in a thread, in the order of the turns."""
# Theory of operation
# ===================
# What is decided has an order, and tasks that were started one after the other begin in any. So
# what needs the store takes a turn at the moment of the decision, and awaits it in a task. A turn
# that is over, also by failure, lets the next begin.
#
# A full disk is waited for: the caller takes another turn. What a peer has sent wrong is its own
# trouble: nothing of it is written. After any other failure nothing is done any more, for what
# comes later may rest on what was not done. A call whose task is cancelled
# before its turn is only left out: what is cancelled alone, as the staging of a change that another
# has overtaken, is what nothing later rests on. One that has begun is carried out.

from collections.abc import Callable
from typing import TypeVar

import attrs
import trio

from wallarood.model.errors import CannotCreateError, RemoteProtocolError

T = TypeVar("T")


@attrs.frozen
class Turn:
    """A place in the line: it begins when the one before it is over."""

    before: trio.Event
    over: trio.Event


def _over() -> trio.Event:
    event = trio.Event()
    event.set()
    return event


@attrs.define(eq=False)
class Turns:
    """The line before the store."""

    _last: trio.Event = attrs.field(factory=_over, init=False)
    _failed: bool = attrs.field(default=False, init=False)

    def take(self) -> Turn:
        """The place after all that are taken. It must be given to `run`, which ends it."""
        turn = Turn(self._last, trio.Event())
        self._last = turn.over
        return turn

    async def run(self, turn: Turn, call: Callable[[], T]) -> T:
        """Do *call* in a thread when *turn* has come, so that a slow disk holds up no record.

        Raises what *call* raises. Never returns if a call before it has failed for good.
        """
        try:
            await turn.before.wait()
            if not self._failed:
                return await trio.to_thread.run_sync(call)
        except (CannotCreateError, RemoteProtocolError, trio.Cancelled):
            raise
        except BaseException:
            self._failed = True
            raise
        finally:
            turn.over.set()
        await trio.sleep_forever()
        raise AssertionError

    def end(self) -> None:
        """The store is about to be closed: what would still be called is left out."""
        self._failed = True

    @property
    def idle(self) -> bool:
        """Whether no turn is taken or under way."""
        return self._last.is_set()

    async def wait_idle(self) -> None:
        """Return when no turn is taken or under way."""
        while not self._last.is_set():
            await self._last.wait()
