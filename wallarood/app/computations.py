"""Declaring computations: decorators that say what a function gets, keeps and returns.

A decorated function stays a function: call it in your own tests as if it were not decorated.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, overload

import attrs

from wallarood.app.connector import Sink
from wallarood.model.errors import PipelineError
from wallarood.model.pipeline import Calling, ErrorPolicy, Shape, Where

P = ParamSpec("P")
R = TypeVar("R")

CONCURRENCY = 64
PARTITIONS = 256
PARTITIONS_MAX = 1 << 16

_HERE = __file__.rpartition("/")[0]


def place_of_caller() -> Where:
    """The line of the application that called into this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return Where(frame.f_code.co_filename, frame.f_lineno)


def mistake(message: str) -> PipelineError:
    """An error that names the line of the application that is being executed."""
    return PipelineError(f"{place_of_caller()}: {message}")


@attrs.frozen
class DeadLetterTo:
    """An `on_error` that sends a `DeadLetter` to *sink* in the place of a failed record."""

    sink: Sink
    name: str


def dead_letter(sink: Sink, *, name: str = "dead-letters") -> DeadLetterTo:
    """Make an `on_error` policy of *sink*; one may serve several computations.

    >>> import wallarood as w
    >>> lost = w.dead_letter(w.ListSink([]))
    >>> @w.computation(on_error=lost)
    ... def parse(line: str) -> int:
    ...     return int(line)
    """
    return DeadLetterTo(sink, name)


OnError: TypeAlias = Literal["stop", "skip"] | DeadLetterTo


@attrs.frozen
class Declared(Generic[P, R]):
    """A function and what the engine must know about it; made by the decorators."""

    function: Callable[P, R]
    shape: Shape
    name: str
    calling: Calling = Calling.INLINE
    on_error: OnError = "stop"
    state: Callable[[], Any] | None = None
    partitions: int = PARTITIONS
    concurrency: int = CONCURRENCY
    ordered: bool = True

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself."""
        return self.function(*args, **kwargs)


def policy_of(on_error: OnError) -> ErrorPolicy:
    """The policy that *on_error* asks for. Raises PipelineError: it is not one."""
    if isinstance(on_error, DeadLetterTo):
        return ErrorPolicy.DEAD_LETTER
    if on_error in ("stop", "skip"):
        return ErrorPolicy(on_error)
    raise mistake(f"on_error={on_error!r}: expected 'stop', 'skip' or w.dead_letter(sink)")


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function; empty for a lambda or an object without one."""
    name = getattr(function, "__name__", "")
    return "" if name == "<lambda>" else name


def declare(function: Callable[..., Any], shape: Shape, **options: Any) -> Declared[..., Any]:
    """Check the options and make a `Declared`. Raises PipelineError: one is wrong."""
    blocking = options.pop("blocking", False)
    if not callable(function):
        raise mistake(f"expected a function, found {function!r:.100}")
    calling = Calling.BLOCKING if blocking else Calling.INLINE
    if inspect.iscoroutinefunction(function):
        if blocking:
            raise mistake(f"{name_of(function)}: a coroutine function cannot be blocking")
        calling = Calling.ASYNC
    options["name"] = options.get("name") or name_of(function)
    declared = Declared(function, shape, calling=calling, **options)
    _check(declared)
    return declared


def _check(declared: Declared[..., Any]) -> None:
    name = declared.name or "computation"
    policy_of(declared.on_error)
    if declared.calling is Calling.ASYNC and declared.shape is Shape.BATCH:
        raise mistake(f"{name}: a batch computation cannot be a coroutine function")
    if declared.concurrency < 1:
        raise mistake(f"{name}: concurrency={declared.concurrency}: expected 1 or more")
    if declared.state is None:
        return
    if not callable(declared.state):
        raise mistake(f"{name}: state={declared.state!r:.100}: expected a class or function")
    if declared.calling is not Calling.INLINE:
        raise mistake(f"{name}: a state computation can be neither a coroutine nor blocking")
    if not 1 <= declared.partitions <= PARTITIONS_MAX:
        raise mistake(f"{name}: partitions={declared.partitions}: expected 1 to {PARTITIONS_MAX}")


@overload
def computation(function: Callable[P, R], /) -> Declared[P, R]: ...
@overload
def computation(
    *,
    name: str = ...,
    on_error: OnError = ...,
    blocking: bool = ...,
    concurrency: int = ...,
    ordered: bool = ...,
) -> Callable[[Callable[P, R]], Declared[P, R]]: ...
def computation(function: Any = None, /, **options: Any) -> Any:
    """A simple computation: a record in, a record out; None filters the record.

    A coroutine function is awaited for up to `concurrency` (64) records at once, results in the
    order of the records unless ``ordered=False``. ``blocking=True`` runs it in a thread.
    `on_error` is "stop" (default), "skip", or `dead_letter(sink)`.

    >>> import wallarood as w
    >>> @w.computation
    ... def upper(line: str) -> str:
    ...     return line.upper()
    >>> upper("a")
    'A'
    """
    return _decorator(function, Shape.ONE, options)


@overload
def computation_multi(function: Callable[P, R], /) -> Declared[P, R]: ...
@overload
def computation_multi(
    *,
    name: str = ...,
    on_error: OnError = ...,
    blocking: bool = ...,
    concurrency: int = ...,
    ordered: bool = ...,
) -> Callable[[Callable[P, R]], Declared[P, R]]: ...
def computation_multi(function: Any = None, /, **options: Any) -> Any:
    """A computation that returns an iterable of records. Options as for `computation`.

    >>> import wallarood as w
    >>> @w.computation_multi
    ... def split(line: str) -> list[str]:
    ...     return line.split()
    """
    return _decorator(function, Shape.MANY, options)


@overload
def computation_batch(function: Callable[P, R], /) -> Declared[P, R]: ...
@overload
def computation_batch(
    *, name: str = ..., on_error: OnError = ..., blocking: bool = ...
) -> Callable[[Callable[P, R]], Declared[P, R]]: ...
def computation_batch(function: Any = None, /, **options: Any) -> Any:
    """A computation from a list of records to a list of records, of any length.

    How many records come at once is up to the engine; keys are lost. When it raises, the whole
    batch is what `on_error` decides about.

    >>> import wallarood as w
    >>> @w.computation_batch
    ... def double(numbers: list[int]) -> list[int]:
    ...     return [2 * number for number in numbers]
    """
    return _decorator(function, Shape.BATCH, options)


def state_computation(
    *,
    state: Callable[[], Any],
    name: str = "",
    on_error: OnError = "stop",
    partitions: int = PARTITIONS,
) -> Callable[[Callable[P, R]], Declared[P, R]]:
    """A computation ``f(record, state)`` with a state for each key, or one for all records.

    `state` makes a new, mutable state: a class or a function without arguments. Behind `key_by`
    there is one for each key, in `partitions` (256) slots that are spread over the workers; behind
    `collect` there is one for all records, on one worker. The state belongs to the `name` of the
    computation, its function's name unless set. None as a result emits nothing.

    >>> import wallarood as w
    >>> class Total:
    ...     count = 0
    >>> @w.state_computation(state=Total)
    ... def count(word: str, total: Total) -> tuple[str, int]:
    ...     total.count += 1
    ...     return word, total.count
    """

    def decorate(function: Callable[P, R]) -> Declared[P, R]:
        return declare(
            function, Shape.ONE, state=state, name=name, on_error=on_error, partitions=partitions
        )

    return decorate


def state_computation_multi(
    *,
    state: Callable[[], Any],
    name: str = "",
    on_error: OnError = "stop",
    partitions: int = PARTITIONS,
) -> Callable[[Callable[P, R]], Declared[P, R]]:
    """As `state_computation`, for a function that returns an iterable of records."""

    def decorate(function: Callable[P, R]) -> Declared[P, R]:
        return declare(
            function, Shape.MANY, state=state, name=name, on_error=on_error, partitions=partitions
        )

    return decorate


def _decorator(function: Any, shape: Shape, options: dict[str, Any]) -> Any:
    if function is not None:
        return declare(function, shape)
    return lambda function: declare(function, shape, **options)
