"""What a worker opens once and user code then uses: a client, a model, a table of prices."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from wallarood.app.mistakes import mistake, mistake_at, place_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Application, Where

if TYPE_CHECKING:
    from contextlib import _AsyncGeneratorContextManager, _GeneratorContextManager

T = TypeVar("T")


class Setup(Generic[T]):
    """What `setup` makes of a function. Called, it gives what is open in this worker.

    `blocking` is whether it is opened and closed in a thread.
    """

    def __init__(self, function: Callable[[], Any], *, blocking: Any = False) -> None:
        self.function = function
        self.blocking = blocking
        self.name: str = getattr(function, "__name__", "") or "setup"
        self.where = place_of(function) or Where("", 0)
        self.__doc__ = inspect.getdoc(function)
        self.opened: list[T] = []
        """What is open, the last one in use."""

    def __call__(self) -> T:
        """What is open here. Raises ApplicationError: nothing is.

        >>> import wallarood as w
        >>> @w.setup
        ... def prices() -> dict[str, int]:
        ...     return {"tea": 3}
        >>> with prices.using({"tea": 4}):
        ...     prices()["tea"]
        4
        """
        try:
            return self.opened[-1]
        except IndexError:
            raise ApplicationError(
                f"{self.name} is not open: pass it to w.application(…, setup=[{self.name}]), or "
                f"in a test give a value with {self.name}.using(value)"
            ) from None

    @contextmanager
    def using(self, value: T) -> Iterator[T]:
        """Use *value* in its place while the context lasts: for tests.

        `testing.run` then does not call the function.
        """
        self.opened.append(value)
        try:
            yield value
        finally:
            self.opened.remove(value)

    def __repr__(self) -> str:
        return f"<setup {self.name}>"


class SetupDecorator(Protocol):
    """What `setup` with options returns: it makes a setup of a function."""

    @overload
    def __call__(self, function: Callable[[], Iterator[T]], /) -> Setup[T]: ...
    @overload
    def __call__(self, function: "Callable[[], _GeneratorContextManager[T]]", /) -> Setup[T]: ...
    @overload
    def __call__(self, function: Callable[[], T], /) -> Setup[T]: ...


@overload
def setup(function: Callable[[], AsyncIterator[T]], /) -> Setup[T]: ...
@overload
def setup(function: Callable[[], Iterator[T]], /) -> Setup[T]: ...
@overload
def setup(function: "Callable[[], _GeneratorContextManager[T]]", /) -> Setup[T]: ...
@overload
def setup(function: "Callable[[], _AsyncGeneratorContextManager[T]]", /) -> Setup[T]: ...
@overload
def setup(function: Callable[[], Awaitable[T]], /) -> Setup[T]: ...
@overload
def setup(function: Callable[[], T], /) -> Setup[T]: ...
@overload
def setup(*, blocking: bool) -> SetupDecorator: ...
def setup(function: Any = None, /, *, blocking: bool = False) -> Any:
    """Open something once in each worker, before records flow; closed when the worker ends.

    The function takes no arguments. It returns the value, or yields it once; what follows the
    ``yield`` closes it. It may be a coroutine function or an asynchronous generator, under Trio.
    ``blocking=True`` calls a plain function or a generator in a thread: for what takes long, such
    as loading a model. Computations call the setup to get the value. It stays open when the job
    goes back to a checkpoint; in tests put another value in its place by `Setup.using`.

    An application names its setups: ``w.application(…, setup=[prices])``; they are opened in this
    order and closed in the opposite one. One that raises ends the job.

    Raises PipelineError: it is not a function without arguments.

    >>> import wallarood as w
    >>> from wallarood import testing
    >>> @w.setup
    ... def prices() -> dict[str, int]:
    ...     return {"tea": 3, "milk": 1}
    >>> def price(item: str) -> int:
    ...     return prices()[item]
    >>> items = w.source("items", w.FileSource("items.txt"))
    >>> app = w.application(
    ...     "prices", items.map(price).to_sink(w.FileSink("out"), name="out"), setup=[prices]
    ... )
    >>> testing.run(app, {"items": ["milk", "tea"]})
    {'out': [1, 3]}
    """
    if not isinstance(blocking, bool):
        raise mistake(f"setup: blocking={blocking!r:.100}: expected True or False")
    if function is None:
        return lambda function: _made(function, blocking=blocking)
    return _made(function, blocking=False)


def _made(function: Any, *, blocking: Any) -> Setup[Any]:
    if not callable(function):
        raise mistake(f"setup: expected a function without arguments, found {function!r:.100}")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise mistake(f"setup: expected a function without arguments: {error}") from error
    except ValueError:
        pass
    if blocking and (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
        raise mistake(f"{function.__name__}: a coroutine function cannot be blocking")
    return Setup(function, blocking=blocking)


def check_setups(setups: Iterable[Any]) -> tuple[Setup[Any], ...]:
    """Raises PipelineError: they are not setups, or one stands twice."""
    if isinstance(setups, Setup):
        raise mistake(f"setup={setups.name}: expected a list: setup=[{setups.name}]")
    found: list[Setup[Any]] = []
    for each in setups:
        if not isinstance(each, Setup):
            raise mistake(f"setup={each!r:.100}: expected what @w.setup makes of a function")
        if each in found:
            raise mistake(f"setup={each.name}: it is listed twice")
        found.append(each)
    return tuple(found)


def check_used(application: Application) -> None:
    """Raises PipelineError: a function uses a setup that the application does not name.

    Found are those that a function names itself, not those of what it calls.
    """
    for step in application.steps:
        if step.computation is None:
            continue
        for used in _used_by(step.computation.function):
            if used not in application.setups:
                raise mistake_at(
                    step.where,
                    f"{step.name} uses {used.name}, which the application does not open: pass "
                    f"setup=[{used.name}] to w.application(…)",
                )


def _used_by(function: Any) -> list[Setup[Any]]:
    function = inspect.unwrap(getattr(function, "func", function))
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    named = [function.__globals__.get(name) for name in code.co_names]
    for cell in function.__closure__ or ():
        try:
            named.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return [each for each in named if isinstance(each, Setup)]
