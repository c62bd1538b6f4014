"""Tasks that run beside an open source, from its opening to its end, whether it is read or not."""
# Theory of operation
# ===================
# A reader is opened and closed by calls, so no nursery of its caller can hold what it does between
# two reads. It runs as a system task of Trio, which ends with `aclose`. An error does not leave it:
# it is kept for the reader, which raises it where it is read from.

import contextlib
from collections.abc import Awaitable, Callable, Iterator

import attrs
import trio

from wallarood.model.errors import first_error


@attrs.define(eq=False)
class Beside:
    """What runs beside a reader. `failure` is what has ended it before its time."""

    on_failure: Callable[[], object]
    failure: BaseException | None = attrs.field(default=None, init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _ended: trio.Event | None = attrs.field(default=None, init=False)

    def start(self, run: Callable[[], Awaitable[None]], name: str) -> None:
        """Start *run*; *name* is what tasks are called in a trace."""
        self._ended = trio.Event()
        trio.lowlevel.spawn_system_task(self._run, run, self._ended, name=name)

    async def _run(self, run: Callable[[], Awaitable[None]], ended: trio.Event) -> None:
        try:
            with self._scope, _rest_kept(self._keep):
                await run()
        finally:
            ended.set()

    def _keep(self, error: BaseException) -> None:
        self.failure = first_error(error)
        self.on_failure()

    async def aclose(self) -> None:
        """End it, and wait for its end."""
        self._scope.cancel()
        if self._ended is not None:
            with trio.CancelScope(shield=True):
                await self._ended.wait()


@contextlib.contextmanager
def _rest_kept(keep: Callable[[BaseException], None]) -> Iterator[None]:
    """Let what ends the task through, and give all else to *keep*."""
    try:
        yield
    except trio.Cancelled:
        raise
    except BaseExceptionGroup as group:
        cancelled, rest = group.split(trio.Cancelled)
        if rest is not None:
            keep(rest)
        if cancelled is not None:
            raise cancelled from None
    except Exception as error:
        keep(error)
