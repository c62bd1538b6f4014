"""What the decorators make: a function, and what the engine must know about it."""

from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import attrs
import typing_extensions

from wallarood.app.connector import Sink
from wallarood.model.aggregation import Aggregation
from wallarood.model.pipeline import ExecutionMode, FunctionShape

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")
S_contra = TypeVar("S_contra", contravariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
M_co = typing_extensions.TypeVar("M_co", covariant=True, default=Any)


class One:
    """For type checkers: a computation that gives one record, or None, for a record."""


class Many:
    """For type checkers: a computation that gives any number of records for a record."""


class Lists:
    """For type checkers: a computation from a list of records to a list of records."""


class Rows:
    """For type checkers: a computation from columns to columns, whose rows become dicts."""


CONCURRENCY = 64
PARTITIONS = 256
PARTITIONS_MAX = 1 << 16
LISTS = (FunctionShape.BATCH, FunctionShape.ARROW)
"""Shapes of functions that get many records at once."""


@attrs.frozen(eq=False)
class DeadLetterTo:
    """An `on_error` that sends a `DeadLetter` to *sink* in the place of a failed record."""

    sink: Sink
    name: str


OnError: TypeAlias = Literal["stop", "skip"] | DeadLetterTo


@attrs.frozen(eq=False)
class Declared(Generic[P, R_co, M_co]):
    """A function and what the engine must know about it; made by the decorators.

    For type checkers P is what it takes, R what it returns, and M how that becomes records: `One`,
    `Many`, `Lists` or `Rows`.
    """

    function: Callable[P, R_co]
    shape: FunctionShape
    name: str
    execution: ExecutionMode = ExecutionMode.INLINE
    on_error: OnError = "stop"
    state: Callable[[], Any] | None = None
    partitions: int = PARTITIONS
    concurrency: int = CONCURRENCY
    ordered: bool = True
    threads: int = 1
    with_key: bool = False
    aggregations: tuple[Aggregation, ...] = ()
    schema: Any = None
    spec: Any = None
    version: int = 1
    migrate: Callable[[Any, int], Any] | None = None
    on_late: OnError = "skip"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    @property
    def __wrapped__(self) -> Callable[P, R_co]:
        return self.function


class Decorator(Protocol[M_co]):
    """What a decorator with options returns: it makes a computation of a function."""

    def __call__(self, function: Callable[P, R], /) -> Declared[P, R, M_co]:
        """Make a computation of *function*."""


class StateDecorator(Protocol[S, M_co]):
    """The same for a function that gets a state of type S."""

    @overload
    def __call__(self, function: Callable[[T, S], R], /) -> Declared[[T, S], R, M_co]: ...
    @overload
    def __call__(self, function: "WithKey[T, S, R]", /) -> Declared[..., R, M_co]: ...


class WithKey(Protocol[T_contra, S_contra, R_co]):
    """A function with state that asks for the key of its records."""

    def __call__(self, record: T_contra, state: S_contra, /, *, key: Any) -> R_co:
        """Take a record, its state and its key."""
