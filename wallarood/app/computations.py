"""Declaring computations: decorators that say what a function gets, keeps and returns.

A decorated function stays a function: call it in your own tests as if it were not decorated.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack, overload

from wallarood.app.connector import Sink
from wallarood.app.declared import (
    LISTS,
    PARTITIONS_MAX,
    DeadLetterTo,
    Declared,
    Decorator,
    Lists,
    Many,
    One,
    OnError,
    StateDecorator,
)
from wallarood.app.hints import asks_for_key
from wallarood.app.mistakes import (
    check_name,
    check_results,
    check_state,
    is_step_name,
    mistake,
    needs_state,
)
from wallarood.model.pipeline import Calling, ErrorPolicy, Shape

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")


def dead_letter(sink: Sink, *, name: str = "") -> DeadLetterTo:
    """Make an `on_error` policy of *sink*; one policy may serve several computations.

    The sink gets a `DeadLetter` for every record that failed. Its step is called *name*,
    "dead-letters" if there is none. Raises PipelineError: *sink* is not a sink.

    >>> import wallarood as w
    >>> unreadable = w.dead_letter(w.ListSink([]), name="unreadable")
    >>> @w.computation(on_error=unreadable)
    ... def parse(line: str) -> int:
    ...     return int(line)
    """
    check_sink(sink)
    if name:
        check_name("dead-letter sink", name)
    return DeadLetterTo(sink, name)


class BatchOptions(TypedDict, total=False):
    """What `computation_batch` may be told."""

    name: str
    on_error: OnError
    blocking: bool
    threads: int


class Options(BatchOptions, total=False):
    """What `computation` and `computation_multi` may be told."""

    concurrency: int
    ordered: bool


class StateOptions(TypedDict, total=False):
    """What `state_computation` and `state_computation_multi` may be told besides the state."""

    name: str
    on_error: OnError
    partitions: int


def check_sink(sink: Any) -> None:
    """Raises PipelineError: *sink* is not a sink."""
    if isinstance(sink, type) or not callable(getattr(sink, "open", None)):
        raise mistake(f"expected a sink such as w.StdoutSink(), found {sink!r:.100}")


def policy_of(on_error: OnError) -> ErrorPolicy:
    """The policy that *on_error* asks for. Raises PipelineError: it is not one."""
    if isinstance(on_error, DeadLetterTo):
        return ErrorPolicy.DEAD_LETTER
    if isinstance(on_error, str) and on_error in ("stop", "skip"):
        return ErrorPolicy(on_error)
    raise mistake(f"on_error={on_error!r:.100}: expected 'stop', 'skip' or w.dead_letter(sink)")


def declare(function: Callable[P, R], shape: Shape, **options: Any) -> Declared[P, R]:
    """Check the options and make a `Declared`. Raises PipelineError: one is wrong."""
    if isinstance(function, Declared):
        raise mistake(f"{function.name or 'computation'} is declared a computation twice")
    if not callable(function):
        raise mistake(f"expected a function, found {function!r:.100}")
    name = options.pop("name", "")
    if name:
        check_name("computation", name)
    name = name or _name_of(function)
    blocking = options.pop("blocking", False)
    calling = _calling(function, blocking)
    with_key = options.get("state") is not None and asks_for_key(function)
    declared = Declared(function, shape, name, calling=calling, with_key=with_key, **options)
    check_function(declared)
    check_options(declared)
    if declared.state is not None:
        check_state(declared.name or _shown(function), function, declared.state)
    return declared


def _name_of(function: Callable[..., Any]) -> str:
    """The name of a function; empty for a lambda or an object without one."""
    name = getattr(function, "__name__", "")
    return name if is_step_name(name) else ""


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    if kind(function) or isinstance(function, type):
        return kind(function)
    return kind(type(function).__call__)


def inline(function: Callable[..., Any]) -> bool:
    """Whether a call of *function* gives its result at once."""
    kinds = (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    )
    return not any(_is(kind, function) for kind in kinds)


def _calling(function: Callable[..., Any], blocking: object) -> Calling:
    if not isinstance(blocking, bool):
        raise mistake(f"blocking={blocking!r:.100}: expected True or False")
    if _is(inspect.iscoroutinefunction, function):
        if blocking:
            raise mistake(f"{_shown(function)}: a coroutine function cannot be blocking")
        return Calling.ASYNC
    return Calling.BLOCKING if blocking else Calling.INLINE


def _shown(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function)[:100])


def check_function(declared: Declared[..., Any]) -> None:
    """Raises PipelineError: the function cannot be called the way its shape asks for."""
    function, shape = declared.function, declared.shape
    shown = declared.name or _shown(function)
    if _is(inspect.isasyncgenfunction, function):
        raise mistake(f"{shown}: an asynchronous generator; let it return a list instead")
    if shape not in (Shape.MANY, *LISTS) and _is(inspect.isgeneratorfunction, function):
        raise mistake(f"{shown} yields its results: use .flat_map or @w.computation_multi")
    if shape in LISTS and declared.calling is Calling.ASYNC:
        raise mistake(f"{shown}: a batch computation cannot be a coroutine function")
    if shape is Shape.MANY:
        check_results(shown, function)
    arguments = ("record",) if declared.state is None else ("record", "state")
    named = {"key": "key"} if declared.with_key else {}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        called = ", ".join([*arguments, *("key=key" for _ in named)])
        raise mistake(f"{shown} cannot be called as f({called}): {error}") from error


def check_options(declared: Declared[..., Any]) -> None:
    """Raises PipelineError: an option is wrong."""
    name = declared.name or "computation"
    policy_of(declared.on_error)
    if type(declared.concurrency) is not int or declared.concurrency < 1:
        raise mistake(f"{name}: concurrency={declared.concurrency!r:.100}: expected 1 or more")
    if not isinstance(declared.ordered, bool):
        raise mistake(f"{name}: ordered={declared.ordered!r:.100}: expected True or False")
    if type(declared.threads) is not int or declared.threads < 1:
        raise mistake(f"{name}: threads={declared.threads!r:.100}: expected 1 or more")
    if declared.threads > 1 and declared.calling is not Calling.BLOCKING:
        raise mistake(f"{name}: threads={declared.threads}: expected blocking=True with it")
    if declared.state is None:
        return
    if declared.calling is not Calling.INLINE:
        raise mistake(f"{name}: a state computation cannot be a coroutine function")
    _check_state(name, declared.state)
    slots = declared.partitions
    if type(slots) is not int or not 1 <= slots <= PARTITIONS_MAX:
        raise mistake(f"{name}: partitions={slots!r:.100}: expected 1 to {PARTITIONS_MAX}")


def _check_state(name: str, state: Any) -> None:
    expected = "expected a class, or a function without arguments, that makes a new state"
    if not callable(state):
        raise mistake(f"{name}: state={state!r:.100}: {expected}")
    try:
        inspect.signature(state).bind()
    except TypeError as error:
        raise mistake(f"{name}: state={_shown(state)}: {expected}: {error}") from error
    except ValueError:
        return


@overload
def computation(function: Callable[P, R], /) -> Declared[P, R, One]: ...
@overload
def computation(**options: Unpack[Options]) -> Decorator[One]: ...
def computation(function: Any = None, /, **options: Any) -> Any:
    """A simple computation: a record in, a record out; None filters the record.

    A coroutine function is awaited for up to `concurrency` (int, default 64) records at once; the
    results go on in the order of the records unless ``ordered=False``. ``blocking=True`` runs the
    function in a thread, or in up to `threads` (int, default 1) at once; the results keep the order
    of the records. `on_error` is "stop" (default), "skip", or `dead_letter(sink)`. The step
    is called `name`, or as the function is.

    Raises PipelineError: an option is wrong, or the function does not take one record.

    >>> import wallarood as w
    >>> @w.computation
    ... def upper(line: str) -> str:
    ...     return line.upper()
    >>> upper("a")
    'A'
    >>> @w.computation(on_error="skip")
    ... def parse(line: str) -> int:
    ...     return int(line)
    """
    return _decorator(function, Shape.ONE, options)


@overload
def computation_multi(function: Callable[P, R], /) -> Declared[P, R, Many]: ...
@overload
def computation_multi(
    **options: Unpack[Options],
) -> Decorator[Many]: ...
def computation_multi(function: Any = None, /, **options: Any) -> Any:
    """A computation that returns or yields any number of records for one.

    Options and errors are those of `computation`.

    >>> import wallarood as w
    >>> @w.computation_multi
    ... def split(line: str) -> list[str]:
    ...     return line.split()
    >>> split("to be")
    ['to', 'be']
    """
    return _decorator(function, Shape.MANY, options)


@overload
def computation_batch(function: Callable[P, R], /) -> Declared[P, R, Lists]: ...
@overload
def computation_batch(
    **options: Unpack[BatchOptions],
) -> Decorator[Lists]: ...
def computation_batch(function: Any = None, /, **options: Any) -> Any:
    """A computation from a list of records to a list of records, of any length.

    How many records come at once is up to the engine; keys are lost; the list that comes must not
    be changed. When the function raises, `on_error` decides about the whole batch. Options are
    `name`, `on_error`, `blocking` and `threads`, as for `computation`; errors too.

    >>> import wallarood as w
    >>> @w.computation_batch
    ... def double(numbers: list[int]) -> list[int]:
    ...     return [2 * number for number in numbers]
    >>> double([1, 2])
    [2, 4]
    """
    return _decorator(function, Shape.BATCH, options)


@needs_state
def state_computation(
    *, state: Callable[[], S], **options: Unpack[StateOptions]
) -> StateDecorator[S, One]:
    """A computation ``f(record, state)`` with a state for each key, or one for all records.

    `state` makes a new, mutable state: a class, or a function without arguments. Behind `key_by`
    there is one for each key, in `partitions` (int, default 256) slots that are spread over the
    workers; behind `collect` there is one for all records, on one worker. The state belongs to the
    `name` of the computation, its function's name unless set. None as a result emits nothing.
    `on_error` is as for `computation`; what a failed call did to the state stays.

    A function with a keyword-only parameter `key` gets the key of the record, as `key_by` gave it.

    Raises PipelineError: an option is wrong, or the function does not take a record and a state.

    >>> import wallarood as w
    >>> class Total:
    ...     count = 0
    >>> @w.state_computation(state=Total)
    ... def count(word: str, total: Total) -> tuple[str, int]:
    ...     total.count += 1
    ...     return word, total.count
    >>> count("be", Total())
    ('be', 1)
    >>> @w.state_computation(state=Total)
    ... def number(line: str, total: Total, *, key: str) -> str:
    ...     total.count += 1
    ...     return f"{key} {total.count}: {line}"
    >>> number("to be", Total(), key="a")
    'a 1: to be'
    """
    return declare_with_state(Shape.ONE, state, options)


@needs_state
def state_computation_multi(
    *, state: Callable[[], S], **options: Unpack[StateOptions]
) -> StateDecorator[S, Many]:
    """As `state_computation`, for a function that returns or yields any number of records.

    >>> import wallarood as w
    >>> class Waiting:
    ...     def __init__(self) -> None:
    ...         self.orders: list[str] = []
    >>> @w.state_computation_multi(state=Waiting)
    ... def in_pairs(order: str, waiting: Waiting) -> list[str]:
    ...     waiting.orders.append(order)
    ...     if len(waiting.orders) < 2:
    ...         return []
    ...     pair, waiting.orders = waiting.orders, []
    ...     return pair
    >>> in_pairs("a", Waiting())
    []
    """
    return declare_with_state(Shape.MANY, state, options)


def declare_with_state(
    shape: Shape, state: Callable[[], Any], options: StateOptions
) -> StateDecorator[Any, Any]:
    """The decorator of a *shape* with state. Raises PipelineError: an option is wrong."""
    check_known(options, StateOptions)
    if state is None:
        raise mistake("state=None: expected a class, or a function without arguments")

    def decorate(function: Callable[..., Any]) -> Any:
        return declare(function, shape, state=state, **options)

    return decorate


def _decorator(function: Any, shape: Shape, options: Any) -> Any:
    if function is not None:
        return declare(function, shape, **options)
    check_known(options, BatchOptions if shape is Shape.BATCH else Options)
    return lambda function: declare(function, shape, **options)


def check_known(options: Any, allowed: Any) -> None:
    """Raises PipelineError: *options* has one that *allowed*, a typed dict, does not name."""
    known = inspect.get_annotations(allowed)
    for option in options:
        if option not in known:
            raise mistake(f"unknown option {option!r}: expected {', '.join(sorted(known))}")
