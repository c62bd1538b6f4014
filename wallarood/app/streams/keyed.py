"""Streams whose records have keys, where state may be kept for each key.

What this class adds is known to type checkers: at run time every method but `aggregate` is that of
`Stream`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

from wallarood.app.aggregations import AggregateOptions
from wallarood.app.functions.declared import Declared, Lists, Many, One, Rows
from wallarood.app.functions.timed import Timers
from wallarood.app.streams.joining.joinable import Joinable
from wallarood.app.streams.options import Branch, StepOptions
from wallarood.app.streams.stream import Stream
from wallarood.app.streams.windowable import Windowable
from wallarood.model.aggregation import Aggregation
from wallarood.model.pipeline import StepKind

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
L = TypeVar("L")
K_co = TypeVar("K_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class KeyedStream(
    Joinable[K_co, T_co],
    Windowable[K_co, T_co],
    Stream[T_co],
    Generic[K_co, T_co],
    kind=StepKind.PARTITIONED,
):
    """A stream whose records of type T have keys of type K; made by `Stream.key_by`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"]))
    >>> isinstance(words.key_by(len), w.KeyedStream)
    True
    """

    __slots__ = ()

    @overload
    def aggregate(
        self, a: Aggregation[T_co, A], /, **options: Unpack[AggregateOptions]
    ) -> "KeyedStream[K_co, tuple[K_co, A]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, tuple[K_co, A, B]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        c: Aggregation[T_co, C],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, tuple[K_co, A, B, C]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        c: Aggregation[T_co, C],
        d: Aggregation[T_co, D],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, tuple[K_co, A, B, C, D]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        c: Aggregation[T_co, C],
        d: Aggregation[T_co, D],
        e: Aggregation[T_co, E],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, tuple[K_co, A, B, C, D, E]]": ...
    @overload
    def aggregate(
        self,
        *aggregations: Aggregation[T_co, Any],
        into: Callable[..., U],
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, U]": ...
    @overload
    def aggregate(
        self, *aggregations: Aggregation[T_co, Any], **options: Unpack[AggregateOptions]
    ) -> "KeyedStream[K_co, tuple[Any, ...]]": ...
    def aggregate(self, *aggregations: Any, into: Any = None, **options: Any) -> Any:
        """Aggregate the records of each key, in loops that run in C over a batch.

        For every batch and key in it there is one record: the key and the results so far, in the
        order of *aggregations*, or what ``into(key, *results)`` makes of these. Options are `name`
        (default: that of the aggregations, joined by "-"), to which the state belongs, `on_error`,
        `partitions` (int, default 256), and `corrections`, see `window`. A record of which a value
        is of the wrong kind changes no aggregation and is left to `on_error`.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
        >>> counts = words.key_by(str).aggregate(w.count())
        """
        return self._aggregate(*aggregations, into=into, **options)

    if TYPE_CHECKING:

        @overload
        def to(
            self, computation: Declared[[T_co, Any], U | None, One], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co, Any, Timers], U | None, One],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co, Any], Iterable[U], Many],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[list[T_co], Any], Iterable[U], Lists],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], Awaitable[U | None], One],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], U | None, One],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], Iterable[U] | Awaitable[Iterable[U]], Many],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(  # type: ignore[overload-overlap] # that are callable, too: the first counts
            self,
            computation: Declared[[list[T_co]], Iterable[U], Lists],
            **options: Unpack[StepOptions],
        ) -> "Stream[U]": ...
        @overload
        def to(  # type: ignore[overload-overlap]
            self, computation: Declared[..., Any, Rows], **options: Unpack[StepOptions]
        ) -> "Stream[dict[str, Any]]": ...
        @overload
        def to(
            self, computation: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def to(
            self, computation: Callable[[T_co], U | None], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, U]": ...
        def to(self, computation: Any, **options: Any) -> Any: ...

        @overload
        def map(
            self, function: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, U]": ...
        @overload
        def map(
            self, function: Callable[[T_co], U | None], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, U]": ...
        def map(self, function: Any, **options: Any) -> Any: ...

        def filter(
            self, function: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, T_co]": ...
        def flat_map(
            self,
            function: Callable[[T_co], Iterable[U] | Awaitable[Iterable[U]]],
            **options: Unpack[StepOptions],
        ) -> "KeyedStream[K_co, U]": ...
        def inspect(
            self, function: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "KeyedStream[K_co, T_co]": ...
        @overload
        def merge(
            self, *others: "KeyedStream[L, U]", name: str = ""
        ) -> "KeyedStream[K_co | L, T_co | U]": ...
        @overload
        def merge(self, *others: Stream[U], name: str = "") -> "Stream[T_co | U]": ...
        def merge(self, *others: Any, name: str = "") -> Any: ...
        def branch(
            self, predicate: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "Branch[KeyedStream[K_co, T_co]]": ...
