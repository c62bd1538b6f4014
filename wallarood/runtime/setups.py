"""What `w.setup` declares: opened once in each worker, held open, closed at its end.

Theory of operation
===================
One task opens, holds and closes all of them, since what Trio opens in a task (a nursery, say) has
to be closed there. It begins with the first round, before its job is built, and outlives rounds: a
model is not loaded again because another worker was restarted.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncContextDecorator,
    AsyncExitStack,
    ContextDecorator,
    asynccontextmanager,
    contextmanager,
)
from types import TracebackType
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.setups import Setup
from wallarood.flow.failures import pass_on, place_in, text_of
from wallarood.model.errors import ApplicationError, first_error

CLOSE_S = 3.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def opened(setups: tuple[Setup[Any], ...]) -> AsyncIterator[None]:
    """Open *setups* in their order, and close them in the opposite one; none that is in use.

    Raises ApplicationError: one cannot be opened or closed; the message names it.
    """
    async with AsyncExitStack() as stack:
        for each in setups:
            if not each.opened:
                stack.enter_context(each.using(await _open(each, stack)))
        yield


async def _open(setup: Setup[Any], stack: AsyncExitStack) -> Any:
    with _named(setup):
        made = await _call(setup, _entered_by(setup.function))
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AsyncContextDecorator) and isinstance(
            made, AbstractAsyncContextManager
        ):
            value = await made.__aenter__()
            stack.push_async_exit(_closing(setup, made))
            return value
        if isinstance(made, ContextDecorator) and isinstance(made, AbstractContextManager):
            value = await _call(setup, made.__enter__)
            stack.push_async_callback(_close, setup, made)
            return value
        return made


def _entered_by(function: Callable[[], Any]) -> Callable[[], Any]:
    """*function* itself, or what makes a context manager of one that yields."""
    if inspect.isasyncgenfunction(function):
        return asynccontextmanager(function)
    if inspect.isgeneratorfunction(function):
        return contextmanager(function)
    return function


async def _call(setup: Setup[Any], function: Callable[[], Any]) -> Any:
    if setup.blocking:
        return await trio.to_thread.run_sync(function, abandon_on_cancel=True)
    return function()


async def _close(setup: Setup[Any], context: AbstractContextManager[Any]) -> None:
    with _named(setup):
        await _call(setup, lambda: context.__exit__(None, None, None))


def _closing(setup: Setup[Any], context: AbstractAsyncContextManager[Any]) -> Any:
    async def close(
        kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with _named(setup):
            if error is None or isinstance(error, Exception):  # that is not its business
                return await context.__aexit__(None, None, None)
            return await context.__aexit__(kind, error, trace)

    return close


@contextmanager
def _named(setup: Setup[Any]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        pass_on(error)
        error = first_error(error)
        raise ApplicationError(
            f"setup {setup.name!r} failed at {place_in(setup.where, error)}: {text_of(error)}"
        ) from error


@attrs.define(eq=False)
class Setups:
    """The setups of one worker. They are opened once, by the first round."""

    setups: tuple[Setup[Any], ...]
    _is_open: bool = attrs.field(default=False, init=False)
    _closing: trio.Event = attrs.field(factory=trio.Event, init=False)
    _closed: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def open(
        self, nursery: trio.Nursery, failed: Callable[[ApplicationError], object]
    ) -> None:
        """Open them if they are not; a task of *nursery* holds them, and tells if one fails then.

        Raises ApplicationError: one cannot be opened.
        """
        if self.setups and not self._is_open:
            await nursery.start(self._hold, failed)

    async def close(self) -> None:
        """Close them, within `CLOSE_S`."""
        if self._is_open:
            self._closing.set()
            with trio.move_on_after(CLOSE_S):
                await self._closed.wait()

    async def _hold(
        self,
        failed: Callable[[ApplicationError], object],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            async with opened(self.setups):
                self._is_open = True
                task_status.started()
                log.info("set up", setups=[each.name for each in self.setups])
                await self._closing.wait()
        except ApplicationError as error:
            if not self._is_open:
                raise
            if self._closing.is_set():
                log.warning(error.message)
            else:
                failed(error)
        finally:
            self._closed.set()
