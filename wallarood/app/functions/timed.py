"""State computations that set timers, and whose keys expire."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, Unpack, overload

import attrs

from wallarood.app.forever import Forever, bound_us
from wallarood.app.functions.declared import Declared, One
from wallarood.app.functions.declaring import StateOptions, check_known, declare, inline
from wallarood.app.hints import asks_for_key
from wallarood.app.mistakes import mistake, needs_state
from wallarood.app.spans import Span, Stamp
from wallarood.app.streams.nodes import Node, need_time
from wallarood.model.pipeline import FunctionShape, StepKind
from wallarood.model.timing.computations import TimedSpec

K_contra = TypeVar("K_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Timers(Protocol):
    """The timers of the key whose record, or timer, is being processed.

    A key has one timer of each *name*; setting it again moves it. A timer of event time fires when
    the watermark has reached its time, and the last ones at the end of the stream. What a failed
    call has set stays set.

    >>> import wallarood as w
    >>> def remind(order: str, seen: set[str], timers: w.Timers) -> None:
    ...     timers.after("30min", "unpaid")
    """

    watermark: int
    """How far event time has come, in microseconds since 1970 UTC."""

    def at(self, stamp: Stamp, name: str = "") -> None:
        """Fire at *stamp*: an aware datetime, or microseconds since 1970 UTC."""

    def after(self, span: Span, name: str = "", *, wall: bool = False) -> None:
        """Fire *span* after the time of this record or timer.

        With ``wall=True`` that is by the clock of the worker, also where records have no time.
        """

    def cancel(self, name: str = "") -> None:
        """Take the timer back, if it is set."""


class TimedWithKey(Protocol[T_contra, S_contra, R_co]):
    """A timed function that asks for the key of its records."""

    def __call__(self, record: T_contra, state: S_contra, timers: Timers, /, *, key: Any) -> R_co:
        """Take a record, its state, the timers and its key."""


class TimedDecorator(Protocol[S]):
    """What `state_computation_timed` returns: it makes a computation of a function."""

    @overload
    def __call__(
        self, function: Callable[[T, S, Timers], R], /
    ) -> Declared[[T, S, Timers], R, One]: ...
    @overload
    def __call__(self, function: TimedWithKey[T, S, R], /) -> Declared[..., R, One]: ...


@needs_state
def state_computation_timed(
    *,
    state: Callable[[], S],
    on_timer: Callable[..., Any] | None = None,
    ttl: Span | Forever | None = None,
    on_expire: Callable[..., Any] | None = None,
    in_order: bool = False,
    **options: Unpack[StateOptions],
) -> TimedDecorator[S]:
    """A computation ``f(record, state, timers)`` with a state for each key, timers and expiry.

    It is put behind `key_by`. *on_timer* is called ``(name, state, timers)`` when a timer fires. A
    key without a record for *ttl* is forgotten with its timers, at most a 64th of *ttl* later;
    *on_expire* is called ``(state)`` before. *ttl* is event time where the records have it, else
    the clock of the worker; `forever` says that a state without an end is meant. What the three
    functions return is emitted, None is not; each may have a keyword-only parameter `key`.

    With ``in_order=True`` a record waits until the watermark has passed it: records and timers
    come by time then, and a repeated run gives the same. Else records come as they arrive. Other
    options are as for `state_computation`.

    Raises PipelineError: an option is wrong, or a function cannot be called so.

    >>> import wallarood as w
    >>> class Open:
    ...     total = 0
    >>> def unpaid(name: str, order: Open, timers: w.Timers) -> str:
    ...     return f"{order.total} is unpaid"
    >>> @w.state_computation_timed(state=Open, on_timer=unpaid, ttl="1d")
    ... def follow(total: int, order: Open, timers: w.Timers) -> None:
    ...     order.total += total
    ...     timers.after("30min")
    """
    check_known(options, StateOptions)
    if not isinstance(in_order, bool):
        raise mistake(f"in_order={in_order!r:.100}: expected True or False")
    _check(on_timer, "on_timer", ("name", "state", "timers"))
    _check(on_expire, "on_expire", ("state",))
    if on_expire is not None and (ttl is None or isinstance(ttl, Forever)):
        raise mistake("on_expire without ttl: a key expires only if ttl= says after which time")
    spec = TimedSpec(
        stamped=False,
        on_timer=on_timer,
        ttl=None if ttl is None else bound_us(ttl, "ttl"),
        on_expire=on_expire,
        in_order=in_order,
        timer_with_key=on_timer is not None and asks_for_key(on_timer),
        expiry_with_key=on_expire is not None and asks_for_key(on_expire),
        endless=isinstance(ttl, Forever),
    )

    def decorate(function: Callable[..., Any]) -> Any:
        return declare(function, FunctionShape.TIMED, state=state, spec=spec, **options)

    return decorate


def _check(function: Any, what: str, arguments: tuple[str, ...]) -> None:
    """Raises PipelineError: *function* cannot be called with *arguments*."""
    if function is None:
        return
    if not callable(function):
        raise mistake(f"{what}={function!r:.100}: expected a function")
    if not inline(function):
        raise mistake(f"{what}: expected a function that neither awaits nor yields")
    named = {"key": "key"} if asks_for_key(function) else {}
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError as error:
        called = ", ".join([*arguments, *("key=key" for _ in named)])
        raise mistake(f"{what} cannot be called as f({called}): {error}") from error
    except ValueError:  # a builtin without a signature
        return


def place_timed(node: Node, called: str) -> None:
    """Tell a timed computation whether its records have times.

    Raises PipelineError: they must have, or there is no state for each key here.
    """
    if node.kind is not StepKind.PARTITIONED or node.declared is None:
        raise mistake(
            f"{called} has timers for each key: put .key_by(…) in the place of .collect()"
        )
    if node.declared.spec.in_order:
        need_time(node, f"{called}: in_order=True")
    spec = attrs.evolve(node.declared.spec, stamped=node.stamped)
    node.declared = attrs.evolve(node.declared, spec=spec)
