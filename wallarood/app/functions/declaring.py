"""Checking what a decorator is given, and making a `Declared` of it."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypedDict, TypeVar

from wallarood.app.functions.declared import (
    LISTS,
    PARTITIONS_MAX,
    DeadLetterTo,
    Declared,
    OnError,
    StateDecorator,
)
from wallarood.app.hints import asks_for_key
from wallarood.app.mistakes import check_name, check_results, check_state, is_step_name, mistake
from wallarood.model.pipeline import ErrorPolicy, ExecutionMode, FunctionShape

P = ParamSpec("P")
R = TypeVar("R")


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
    version: int
    migrate: Callable[[Any, int], Any]


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


def declare(function: Callable[P, R], shape: FunctionShape, **options: Any) -> Declared[P, R]:
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
    execution = _execution(function, blocking)
    with_key = options.get("state") is not None and asks_for_key(function)
    declared = Declared(function, shape, name, execution=execution, with_key=with_key, **options)
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


def _execution(function: Callable[..., Any], blocking: object) -> ExecutionMode:
    if not isinstance(blocking, bool):
        raise mistake(f"blocking={blocking!r:.100}: expected True or False")
    if _is(inspect.iscoroutinefunction, function):
        if blocking:
            raise mistake(f"{_shown(function)}: a coroutine function cannot be blocking")
        return ExecutionMode.ASYNC
    return ExecutionMode.BLOCKING if blocking else ExecutionMode.INLINE


def _shown(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function)[:100])


def check_function(declared: Declared[..., Any]) -> None:
    """Raises PipelineError: the function cannot be called the way its shape asks for."""
    function, shape = declared.function, declared.shape
    shown = declared.name or _shown(function)
    if _is(inspect.isasyncgenfunction, function):
        raise mistake(f"{shown}: an asynchronous generator; let it return a list instead")
    if shape not in (FunctionShape.MANY, *LISTS) and _is(inspect.isgeneratorfunction, function):
        raise mistake(f"{shown} yields its results: use .flat_map or @w.computation_multi")
    if shape in LISTS and declared.execution is ExecutionMode.ASYNC:
        raise mistake(f"{shown}: a batch computation cannot be a coroutine function")
    if shape is FunctionShape.MANY:
        check_results(shown, function)
    arguments: tuple[str, ...]
    arguments = ("record",) if declared.state is None else ("record", "state")
    if shape is FunctionShape.TIMED:
        arguments = ("record", "state", "timers")
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
    if declared.threads > 1 and declared.execution is not ExecutionMode.BLOCKING:
        raise mistake(f"{name}: threads={declared.threads}: expected blocking=True with it")
    if declared.state is None:
        return
    if declared.execution is not ExecutionMode.INLINE:
        raise mistake(f"{name}: a state computation cannot be a coroutine function")
    _check_state(name, declared.state)
    _check_version(name, declared.version, declared.migrate)
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


def _check_version(name: str, version: Any, migrate: Any) -> None:
    if type(version) is not int or version < 1:
        raise mistake(f"{name}: version={version!r:.100}: expected 1 or more")
    if (version == 1) is not (migrate is None):
        raise mistake(
            f"{name}: version= and migrate= belong together: version=2 and a function that makes a "
            "state of what an older version has stored"
        )
    if migrate is None:
        return
    if not callable(migrate) or not inline(migrate):
        raise mistake(f"{name}: migrate={migrate!r:.100}: expected a function of (stored, version)")
    try:
        inspect.signature(migrate).bind("stored", 1)
    except TypeError as error:
        raise mistake(f"{name}: migrate cannot be called as f(stored, version): {error}") from error
    except ValueError:
        return


def declare_with_state(
    shape: FunctionShape, state: Callable[[], Any], options: StateOptions
) -> StateDecorator[Any, Any]:
    """The decorator of a *shape* with state. Raises PipelineError: an option is wrong."""
    check_known(options, StateOptions)
    if state is None:
        raise mistake("state=None: expected a class, or a function without arguments")

    def decorate(function: Callable[..., Any]) -> Any:
        return declare(function, shape, state=state, **options)

    return decorate


def check_known(options: Any, allowed: Any) -> None:
    """Raises PipelineError: *options* has one that *allowed*, a typed dict, does not name."""
    known = inspect.get_annotations(allowed)
    for option in options:
        if option not in known:
            raise mistake(f"unknown option {option!r}: expected {', '.join(sorted(known))}")
