"""Streams whose records are gathered in windows."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

import attrs

from wallarood.app.aggregations import (
    AggregateOptions,
    aggregation_result,
    check_aggregations,
)
from wallarood.app.functions.declared import PARTITIONS, Declared, OnError
from wallarood.app.functions.declaring import check_known, check_options, inline
from wallarood.app.hints import function_hints
from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.streams.classes import stream_at
from wallarood.app.streams.nodes import Node, connect
from wallarood.app.streams.outlet import Outlet
from wallarood.model.aggregation import Aggregation
from wallarood.model.pipeline import LATE_OUTPUT, FunctionShape, StepKind
from wallarood.model.timing.windows import (
    Gathers,
    Windowed,
    WindowKind,
    WindowSpec,
)

if TYPE_CHECKING:
    from wallarood.app.streams.keyed import KeyedStream

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
K_co = TypeVar("K_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)

_NEED_MERGE = (WindowKind.SESSION, WindowKind.ROLLING)


class WindowedStream(Generic[K_co, T_co]):
    """Records of type T with keys of type K in windows; made by `KeyedStream.window`.

    What is to be made of the records of a window is said by one of its methods, each of which
    returns a stream of `Windowed`. Their options are `name` (default: that of the windows and what
    is gathered), to which the state belongs, `on_error`, and `partitions` (int, default 256).

    >>> import wallarood as w
    >>> clicks = w.source("clicks", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
    >>> by_minute = clicks.key_by(str).window(w.tumbling("1min"))
    >>> isinstance(by_minute, w.WindowedStream)
    True
    """

    def __init__(self, at: Outlet, spec: WindowSpec, on_late: OnError) -> None:
        self._at = at
        self._spec = spec
        self._on_late = on_late
        self._node: Node | None = None
        """The step, once it is put into the pipeline."""

    @property
    def late(self) -> "KeyedStream[K_co, T_co]":
        """The records that came too late for their windows, as they are, instead of `on_late`.

        Raises PipelineError: `on_late` says something else, or the windows count records.

        >>> import wallarood as w
        >>> clicks = w.source("clicks", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
        >>> by_minute = clicks.key_by(str).window(w.tumbling("1min"))
        >>> counts, late = by_minute.aggregate(w.count()), by_minute.late
        """
        if self._on_late != "skip":
            raise mistake("window: .late and on_late= say both what becomes of late records")
        if self._spec.windows.kind is WindowKind.COUNT:
            raise mistake(f"{self._spec.windows.shown}: no record is late for windows that count")
        node = self._place()
        called = node.given_name or node.wanted_name or "window"
        late = Node(
            StepKind.MERGE,
            place_of_caller(),
            [(node, LATE_OUTPUT)],
            wanted_name=f"{called}-late",
            record=self._at.node.record,
            key=self._at.node.key,
            stamped=True,
            corrects=self._at.node.corrects,
        )
        return cast("KeyedStream[K_co, T_co]", stream_at(Outlet(connect(late))))

    @overload
    def aggregate(
        self, a: Aggregation[T_co, A], /, **options: Unpack[AggregateOptions]
    ) -> "KeyedStream[K_co, Windowed[K_co, A]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, Windowed[K_co, tuple[A, B]]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        c: Aggregation[T_co, C],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, Windowed[K_co, tuple[A, B, C]]]": ...
    @overload
    def aggregate(
        self,
        a: Aggregation[T_co, A],
        b: Aggregation[T_co, B],
        c: Aggregation[T_co, C],
        d: Aggregation[T_co, D],
        /,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, Windowed[K_co, tuple[A, B, C, D]]]": ...
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
    ) -> "KeyedStream[K_co, Windowed[K_co, tuple[A, B, C, D, E]]]": ...
    @overload
    def aggregate(
        self, *aggregations: Aggregation[T_co, Any], **options: Unpack[AggregateOptions]
    ) -> "KeyedStream[K_co, Windowed[K_co, Any]]": ...
    def aggregate(self, *aggregations: Any, **options: Unpack[AggregateOptions]) -> Any:
        """Aggregate the records of each key and window, in loops that run in C over a batch.

        The value of a result is that of the aggregation, or the tuple of those of several. A record
        of which a value is of the wrong kind changes no aggregation and is left to `on_error`.

        >>> import wallarood as w
        >>> clicks = w.source("clicks", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
        >>> counts = clicks.key_by(str).window(w.tumbling("1min")).aggregate(w.count())
        """
        record = self._at.node.record
        check_aggregations(aggregations, record)
        values = [aggregation_result(each, record) for each in aggregations]
        value = values[0] if len(values) == 1 else tuple[tuple(values)]  # type: ignore[misc]
        word = "-".join(each.kind.value for each in aggregations)
        spec = attrs.evolve(self._spec, gathers=Gathers.AGGREGATE)
        return self._gather(word, spec, value, options=options, aggregations=aggregations)

    def fold(
        self,
        make: Callable[[], A],
        step: Callable[[A, T_co], A],
        *,
        merge: Callable[[A, A], A] | None = None,
        **options: Unpack[AggregateOptions],
    ) -> "KeyedStream[K_co, Windowed[K_co, A]]":
        """Fold the records of each key and window in the order in which they arrive.

        ``make()`` makes an accumulator, anything that can be stored but None, and ``step(total,
        record)`` returns it with the record in it: the same one, changed, or another.
        ``merge(total, later)`` joins two, of which it may change and return the first; hopping,
        session, rolling and counted windows that share records need it.

        Raises PipelineError: something is no function, or *merge* is missing.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
        >>> minutes = words.key_by(len).window(w.tumbling("1min"))
        >>> sets = minutes.fold(set[str], lambda total, word: total | {word})
        """
        for what, function, count in (("make", make, 0), ("step", step, 2), ("merge", merge, 2)):
            if function is not None or what != "merge":
                _check_function(what, function, count)
        windows = self._spec.windows
        shared = windows.kind in _NEED_MERGE or (
            windows.every != windows.size and windows.kind is WindowKind.HOPPING
        )
        if merge is None and (shared or windows.count_every != windows.count):
            raise mistake(
                f"fold: {windows.shown} puts parts of windows together: set merge= to a function "
                "of two accumulators, the earlier first, that returns both as one"
            )
        before = function_hints(step)
        value = before[1] if before[1] is not Any else function_hints(make)[1]
        spec = attrs.evolve(self._spec, gathers=Gathers.FOLD, make=make, step=step, merge=merge)
        return cast(
            "KeyedStream[K_co, Windowed[K_co, A]]",
            self._gather("fold", spec, value, options=options),
        )

    def collect(
        self, **options: Unpack[AggregateOptions]
    ) -> "KeyedStream[K_co, Windowed[K_co, list[T_co]]]":
        """The list of the records of each key and window, mostly in the order of their arrival.

        All of them are kept in memory until the window closes; `fold` may keep less.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["a", "b"], record=str), time=w.ingest_time())
        >>> lists = words.key_by(len).window(w.session("10s")).collect()
        """
        spec = attrs.evolve(self._spec, gathers=Gathers.COLLECT)
        value = list[self._at.node.record]  # type: ignore[name-defined]
        return cast(
            "KeyedStream[K_co, Windowed[K_co, list[T_co]]]",
            self._gather("collect", spec, value, options=options),
        )

    def _gather(
        self,
        word: str,
        spec: WindowSpec,
        value: Any,
        *,
        options: AggregateOptions,
        aggregations: tuple[Aggregation, ...] = (),
    ) -> Any:
        check_known(options, AggregateOptions)
        if options.get("corrections"):
            raise mistake(f"{word}: corrections= is for .window(…)")
        declared: Declared[..., Any] = Declared(
            spec.step or _gathered,
            FunctionShape.WINDOW,
            f"{spec.windows.kind.value}-{word}",
            on_error=options.get("on_error", "stop"),
            state=dict,
            partitions=options.get("partitions", PARTITIONS),
            aggregations=aggregations,
            spec=spec,
            on_late=self._on_late,
        )
        check_options(declared)
        if self._node is not None and self._node.declared is not None:
            self._node = None  # the windows were gathered already: this is another step
        node = self._place()
        if name := options.get("name", ""):
            node.given_name = check_name("step", name)
        node.wanted_name, node.declared = declared.name, declared
        node.input = self._at.node.record
        key = self._at.node.key
        node.record = Windowed[key, value]  # type: ignore[valid-type]
        node.stamped = spec.stamped
        node.corrects = spec.windows.shown if spec.corrects else ""
        return stream_at(Outlet(node))

    def _place(self) -> Node:
        if self._node is None:
            self._node = connect(self._at.plain(StepKind.PARTITIONED, "window", ""))
        return self._node


def _gathered(*_: Any) -> None:
    """In the place of a function: aggregations and lists gather records by themselves."""


def _check_function(what: str, function: Any, count: int) -> None:
    if not callable(function) or not inline(function):
        raise mistake(
            f"fold: {what}={function!r:.100}: expected a function that neither awaits nor yields"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*range(count))
    except TypeError as error:
        raise mistake(f"fold: {what} cannot be called with {count} arguments: {error}") from error
