"""Streams: values whose methods return further streams, until they end in sinks.

Nothing changes a stream, so it may be used twice, and each use gets all of its records. Which
methods a stream has follows from its class, so that an editor finds a mistake before a worker does:
`KeyedStream` has a key for each record, `CollectedStream` has all records in one place.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

import attrs

from wallarood.app.aggregations import AggregateOptions
from wallarood.app.connector import Sink
from wallarood.app.functions.declared import Declared, Lists, Many, One, OnError, Rows
from wallarood.app.functions.declaring import check_sink, declare
from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span
from wallarood.app.streams.classes import CLASSES, merge_all, stream_at
from wallarood.app.streams.joining.joins import JoinOptions, distinct
from wallarood.app.streams.nodes import End, connect
from wallarood.app.streams.options import Branch, StepOptions
from wallarood.app.streams.outlet import Outlet, kebab
from wallarood.model.pipeline import FunctionShape, StepKind

if TYPE_CHECKING:
    from wallarood.app.streams.collected import CollectedStream
    from wallarood.app.streams.keyed import KeyedStream

K = TypeVar("K")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

NEED_KEYS = ("enrich", "join", "join_asof", "join_window")
"""Methods of streams with keys, which others tell of."""


@attrs.frozen
class Stream(Generic[T_co]):
    """Records of type T in motion; begins with `source`, ends with `to_sink` or `to_sinks`.

    Every method that takes a function also takes `name`, the name of the step (default: that of the
    function, with a number if it is taken), and `on_error`, as `computation` does. Every method
    raises PipelineError, which names the line of the application, when its arguments are wrong or
    when its function cannot take the records of this stream, as far as type hints tell.

    >>> import wallarood as w
    >>> lengths = w.source("words", w.ListSource(["to", "be"])).map(len)
    """

    _at: Outlet

    def __init_subclass__(cls, *, kind: StepKind) -> None:
        """Streams that have state of *kind* to offer are of this class."""
        super().__init_subclass__()
        CLASSES[kind] = cls

    @overload
    def to(
        self,
        computation: Declared[[T_co], Awaitable[U | None], One],
        **options: Unpack[StepOptions],
    ) -> "Stream[U]": ...
    @overload
    def to(
        self,
        computation: Declared[[T_co], U | None, One],
        **options: Unpack[StepOptions],
    ) -> "Stream[U]": ...
    @overload
    def to(
        self,
        computation: Declared[[T_co], Iterable[U] | Awaitable[Iterable[U]], Many],
        **options: Unpack[StepOptions],
    ) -> "Stream[U]": ...
    @overload
    def to(
        self,
        computation: Declared[[list[T_co]], Iterable[U], Lists],
        **options: Unpack[StepOptions],
    ) -> "Stream[U]": ...
    @overload
    def to(
        self, computation: Declared[..., Any, Rows], **options: Unpack[StepOptions]
    ) -> "Stream[dict[str, Any]]": ...
    @overload
    def to(
        self, computation: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
    ) -> "Stream[U]": ...
    @overload
    def to(
        self, computation: Callable[[T_co], U | None], **options: Unpack[StepOptions]
    ) -> "Stream[U]": ...
    def to(self, computation: Any, *, name: str = "", on_error: OnError | None = None) -> Any:
        """Pass every record through *computation*; a plain function is a simple one.

        A state computation needs `key_by` or `collect` before it.

        >>> import wallarood as w
        >>> class Total:
        ...     sum = 0
        >>> @w.state_computation(state=Total)
        ... def add_up(number: int, total: Total) -> int:
        ...     total.sum += number
        ...     return total.sum
        >>> numbers = w.source("numbers", w.ListSource([1, 2, 3], record=int))
        >>> sums = numbers.collect().to(add_up)
        """
        if not isinstance(computation, Declared):
            computation = declare(computation, FunctionShape.ONE)
        return stream_at(self._at.through(computation, "computation", name=name, on_error=on_error))

    @overload
    def map(
        self, function: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
    ) -> "Stream[U]": ...
    @overload
    def map(
        self, function: Callable[[T_co], U | None], **options: Unpack[StepOptions]
    ) -> "Stream[U]": ...
    def map(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> Any:
        """Turn every record into what *function* returns; None filters it.

        >>> import wallarood as w
        >>> numbers = w.source("lines", w.ListSource(["1", "2"])).map(int)
        """
        return self._call(function, FunctionShape.ONE, "map", name=name, on_error=on_error)

    def filter(
        self, function: Callable[[T_co], Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream[T_co]":
        """Keep the records for which *function* is true.

        >>> import wallarood as w
        >>> names = w.source("lines", w.ListSource(["# a", "b"]))
        >>> names = names.filter(lambda line: not line.startswith("#"))
        """
        return self._call(function, FunctionShape.PREDICATE, "filter", name=name, on_error=on_error)

    def flat_map(
        self,
        function: Callable[[T_co], Iterable[U] | Awaitable[Iterable[U]]],
        *,
        name: str = "",
        on_error: OnError | None = None,
    ) -> "Stream[U]":
        """Turn every record into the records of the iterable that *function* returns.

        >>> import wallarood as w
        >>> words = w.source("lines", w.ListSource(["to be", "or not"])).flat_map(str.split)
        """
        return self._call(function, FunctionShape.MANY, "flat_map", name=name, on_error=on_error)

    def inspect(
        self, function: Callable[[T_co], Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream[T_co]":
        """Call *function* with every record; its result is ignored and the record passes on.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"])).inspect(print)
        """
        return self._call(function, FunctionShape.INSPECT, "inspect", name=name, on_error=on_error)

    def key_by(
        self, function: Callable[[T_co], K], *, name: str = "", on_error: OnError | None = None
    ) -> "KeyedStream[K, T_co]":
        """Give every record the key that *function* returns.

        A key is a str, bytes, int, bool, or a tuple or frozen class of these. Records with the same
        key meet the same state, and keep their order if they come from the same source partition.
        The key stays with the record, and with what simple computations make of it, until the next
        `key_by`, a batch computation without state or `collect`.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"]))
        >>> by_letter = words.key_by(lambda word: word[0])
        """
        outlet = self._at.keyed(function, name=name, on_error=on_error)
        return cast("KeyedStream[K, T_co]", stream_at(outlet))

    def distinct(
        self,
        by: Callable[[T_co], K],
        *,
        within: Span,
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K, T_co]":
        """Let a record pass if none of its key has passed *within* the time before or after it.

        The key is what *by* returns, as in `key_by`. Time is that of the records where they have
        one, else the clock of the worker. A record below the watermark for which it is not known
        whether it is a repeat is left to *on_late*: "skip" (default), "stop" or a `dead_letter`.
        *name* (default "distinct") is that of the state, *partitions* as for `state_computation`.

        >>> import wallarood as w
        >>> clicks = w.source("clicks", w.ListSource(["a", "b", "a"], record=str))
        >>> first = clicks.distinct(lambda click: click, within="1d")
        """
        keyed = self._at.keyed(by, name="", on_error=None)
        outlet = distinct(keyed, within, on_late=on_late, **options)
        return cast("KeyedStream[K, T_co]", stream_at(outlet))

    def collect(self, *, name: str = "") -> "CollectedStream[T_co]":
        """Bring all records together: the next state computation has one state for all of them.

        Keys are lost.

        >>> import wallarood as w
        >>> everything = w.source("words", w.ListSource(["to", "be"])).collect()
        """
        node = self._at.plain(StepKind.COLLECT, "collect", name)
        node.key = None
        return cast("CollectedStream[T_co]", stream_at(Outlet(connect(node), gathered=True)))

    def redistribute(self, *, name: str = "") -> "Stream[T_co]":
        """Deal the records to all workers in turn, whichever worker reads them.

        For a source with fewer partitions than there are workers, before computations that cost
        more than sending a record does. Keys are lost, and so is the order of the records.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"])).redistribute().map(str.upper)
        """
        node = self._at.plain(StepKind.REDISTRIBUTE, "redistribute", name)
        node.key = None
        return cast("Stream[T_co]", stream_at(Outlet(connect(node))))

    def merge(self, *others: "Stream[U]", name: str = "") -> "Stream[T_co | U]":
        """This stream and *others* as one. It has keys only if all of them have.

        >>> import wallarood as w
        >>> one, two = (w.source(name, w.ListSource([name])) for name in ("one", "two"))
        >>> both = one.merge(two)
        """
        merged: Stream[T_co | U] = merge_all((self, *others), name)
        return merged

    def branch(
        self, predicate: Callable[[T_co], Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Branch[Stream[T_co]]":
        """Split the stream in two: the records for which *predicate* is true, and the others.

        Both must end in a sink; to drop records use `filter`.

        >>> import wallarood as w
        >>> numbers = w.source("numbers", w.ListSource([1, 2, 3]))
        >>> odd, even = numbers.branch(lambda number: number % 2)
        """
        accepted, refused = self._at.split(predicate, name=name, on_error=on_error)
        return Branch(stream_at(accepted), stream_at(refused))

    def to_sink(self, sink: Sink, *, name: str = "") -> End:
        """End the stream in *sink*.

        >>> import wallarood as w
        >>> end = w.source("words", w.ListSource(["to", "be"])).to_sink(w.StdoutSink())
        """
        check_sink(sink)
        node = self._at.plain(StepKind.SINK, kebab(type(sink).__name__), name)
        node.connector = sink
        return End((connect(node),))

    def to_sinks(self, *sinks: Sink) -> End:
        """End the stream in several sinks; each gets all records.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"]))
        >>> end = words.to_sinks(w.StdoutSink(), w.FileSink("words"))
        """
        if not sinks:
            raise mistake("to_sinks: expected at least one sink")
        for sink in sinks:
            check_sink(sink)
        return End(tuple(node for sink in sinks for node in self.to_sink(sink).nodes))

    def _call(
        self, function: Callable[..., Any], shape: FunctionShape, word: str, **named: Any
    ) -> "Stream[Any]":
        stream: Stream[Any] = stream_at(self._at.call(function, shape, word, **named))
        return stream

    def _aggregate(
        self, *aggregations: Any, into: Any = None, **options: Unpack[AggregateOptions]
    ) -> Any:
        return stream_at(self._at.aggregated(aggregations, into, options))

    if not TYPE_CHECKING:  # for a type checker only a stream with keys has them
        aggregate = _aggregate

        def __getattr__(self, name: str) -> Any:
            if name in NEED_KEYS:
                raise mistake(f"{name}: the stream has no key: put .key_by(…) before")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


CLASSES[None] = Stream
