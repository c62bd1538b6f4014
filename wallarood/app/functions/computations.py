"""Declaring computations: decorators that say what a function gets, keeps and returns.

A decorated function stays a function: call it in your own tests as if it were not decorated.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from wallarood.app.connector import Sink
from wallarood.app.functions.declared import (
    DeadLetterTo,
    Declared,
    Decorator,
    Lists,
    Many,
    One,
    StateDecorator,
)
from wallarood.app.functions.declaring import (
    BatchOptions,
    Options,
    StateOptions,
    check_known,
    check_sink,
    declare,
    declare_with_state,
)
from wallarood.app.mistakes import check_name, needs_state
from wallarood.model.pipeline import FunctionShape

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


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


@overload
def computation(function: Callable[P, R], /) -> Declared[P, R, One]: ...
@overload
def computation(**options: Unpack[Options]) -> Decorator[One]: ...
def computation(function: Any = None, /, **options: Any) -> Any:
    """A simple computation: a record in, a record out; None filters the record.

    A coroutine function is awaited for up to `concurrency` (int, default 64) records at once; the
    results keep the order of the records unless ``ordered=False``. ``blocking=True`` runs the
    function in a thread, or in up to `threads` (int, default 1) at once; the results keep the order
    of the records. `on_error` is "stop" (default), "skip", or `dead_letter(sink)`. The step is
    called `name`, or as the function is.

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
    return _decorator(function, FunctionShape.ONE, options)


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
    return _decorator(function, FunctionShape.MANY, options)


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
    return _decorator(function, FunctionShape.BATCH, options)


@needs_state
def state_computation(
    *, state: Callable[[], S], **options: Unpack[StateOptions]
) -> StateDecorator[S, One]:
    """A computation ``f(record, state)`` with a state for each key, or one for all records.

    `state` makes a new, mutable state: a class, or a function without arguments. After `key_by`
    there is one for each key, in `partitions` (int, default 256) slots that are spread over the
    workers; after `collect` there is one for all records, on one worker. The state belongs to the
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
    return declare_with_state(FunctionShape.ONE, state, options)


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
    return declare_with_state(FunctionShape.MANY, state, options)


def _decorator(function: Any, shape: FunctionShape, options: Any) -> Any:
    if function is not None:
        return declare(function, shape, **options)
    check_known(options, BatchOptions if shape is FunctionShape.BATCH else Options)
    return lambda function: declare(function, shape, **options)
