"""Building a pipeline: streams that methods turn into further streams, until they end in sinks.

A `Stream` is a value: its methods return new ones and change nothing in it, so a stream may be used
twice, and each use gets all of its records.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import attrs

from wallarood.app.aggregations import AggregateOptions, aggregate_record, declare_aggregate
from wallarood.app.computations import (
    LISTS,
    Declared,
    OnError,
    check_function,
    check_sink,
    declare,
    policy_of,
)
from wallarood.app.connector import Sink, Source
from wallarood.app.hints import can_be_key, can_flow, function_hints, record_types, show
from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.nodes import End, Node, common_key, common_record, connect, state_kind
from wallarood.model.aggregation import Aggregation
from wallarood.model.pipeline import Calling, Shape, StepKind


class Branch(NamedTuple):
    """The two streams that a predicate parts a stream into.

    >>> import wallarood as w
    >>> numbers = w.source("numbers", w.ListSource([1, 2, 3]))
    >>> odd, even = numbers.branch(lambda number: number % 2)
    >>> isinstance(odd, w.Stream)
    True
    """

    accepted: "Stream"
    refused: "Stream"


@attrs.frozen
class Stream:
    """Records on their way; begins with `source`, ends with `to_sink` or `to_sinks`.

    Every method that takes a function also takes `name`, the name of the step (default: that of the
    function, with a number if it is taken), and `on_error`, as `computation` does. Every method
    raises PipelineError, which names the line of the application, when its arguments are wrong or
    when its function cannot take the records of this stream, as far as type hints tell.

    >>> import wallarood as w
    >>> lengths = w.source("words", w.ListSource(["to", "be"])).map(len)
    """

    _node: Node
    _output: int = 0
    _gathered: bool = False

    def to(
        self,
        computation: Declared[..., Any] | Callable[..., Any],
        *,
        name: str = "",
        on_error: OnError | None = None,
    ) -> "Stream":
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
            computation = declare(computation, Shape.ONE)
        return self._through(computation, "computation", name=name, on_error=on_error)

    def aggregate(
        self,
        *aggregations: Aggregation,
        into: Callable[..., Any] | None = None,
        **options: Unpack[AggregateOptions],
    ) -> "Stream":
        """Aggregate the records of each key, in loops that run in C over a batch.

        For every batch and key in it there is one record: the key and the results so far, in the
        order of *aggregations*, or what ``into(key, *results)`` makes of these. Options are `name`
        (default: that of the aggregations, joined by "-"), to which the state belongs, `on_error`,
        and `partitions` (int, default 256). A record of which a value is of the wrong kind changes
        no aggregation and is left to `on_error`.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"], record=str))
        >>> counts = words.key_by(str).aggregate(w.count())
        """
        declared = declare_aggregate(aggregations, into, record=self._node.record, options=options)
        name, available = options.get("name", ""), self._kind_with_state()
        if available is not StepKind.PARTITIONED:
            raise mistake(f"{name or declared.name}: the stream has no key: put .key_by(…) before")
        node = self._step(available, declared, Any, name=name, on_error=None)
        node.record = aggregate_record(declared, key=node.key, record=self._node.record)
        return Stream(connect(node))

    def map(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Turn every record into what *function* returns; None filters it.

        >>> import wallarood as w
        >>> numbers = w.source("lines", w.ListSource(["1", "2"])).map(int)
        """
        return self._call(function, Shape.ONE, "map", name=name, on_error=on_error)

    def filter(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Keep the records for which *function* is true.

        >>> import wallarood as w
        >>> names = w.source("lines", w.ListSource(["# a", "b"]))
        >>> names = names.filter(lambda line: not line.startswith("#"))
        """
        return self._call(function, Shape.PREDICATE, "filter", name=name, on_error=on_error)

    def flat_map(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Turn every record into the records of the iterable that *function* returns.

        >>> import wallarood as w
        >>> words = w.source("lines", w.ListSource(["to be", "or not"])).flat_map(str.split)
        """
        return self._call(function, Shape.MANY, "flat_map", name=name, on_error=on_error)

    def inspect(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Call *function* with every record; its result is ignored and the record goes on.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"])).inspect(print)
        """
        return self._call(function, Shape.INSPECT, "inspect", name=name, on_error=on_error)

    def key_by(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Give every record the key that *function* returns.

        A key is a str, bytes, int, bool, or a tuple or frozen class of these. Records with the same
        key meet the same state, and keep their order if they come from the same source partition.
        The key stays with the record, and with what simple computations make of it, until the next
        `key_by`, a batch computation without state or `collect`.

        >>> import wallarood as w
        >>> words = w.source("words", w.ListSource(["to", "be"]))
        >>> by_letter = words.key_by(lambda word: word[0])
        """
        declared = _shaped(function, Shape.ONE)
        if declared.calling is not Calling.INLINE:
            raise mistake("key_by: expected a function that neither awaits nor blocks")
        before, key = function_hints(declared.function)
        if not can_be_key(key):
            raise mistake(
                f"{name or declared.name or 'key_by'} returns {show(key)}, which cannot be a key: "
                "expected str, bytes, int, bool, or a tuple or frozen class of these"
            )
        node = self._step(StepKind.KEY_BY, declared, before, name=name, on_error=on_error)
        node.key = key
        return Stream(connect(node))

    def collect(self, *, name: str = "") -> "Stream":
        """Bring all records together: the next state computation has one state for all of them.

        Keys are lost.

        >>> import wallarood as w
        >>> everything = w.source("words", w.ListSource(["to", "be"])).collect()
        """
        node = self._plain(StepKind.COLLECT, "collect", name)
        node.key = None
        return Stream(connect(node), gathered=True)

    def merge(self, *others: "Stream", name: str = "") -> "Stream":
        """This stream and *others* as one. It has keys only if all of them have.

        >>> import wallarood as w
        >>> one, two = (w.source(name, w.ListSource([name])) for name in ("one", "two"))
        >>> both = one.merge(two)
        """
        return merge(self, *others, name=name)

    def branch(
        self, predicate: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> Branch:
        """Part the stream in two: the records for which *predicate* is true, and the others.

        Both must end in a sink; to drop records use `filter`.

        >>> import wallarood as w
        >>> numbers = w.source("numbers", w.ListSource([1, 2, 3]))
        >>> odd, even = numbers.branch(lambda number: number % 2)
        """
        declared = _shaped(predicate, Shape.PREDICATE)
        if declared.calling is not Calling.INLINE:
            raise mistake("branch: expected a predicate that neither awaits nor blocks")
        before = function_hints(declared.function)[0]
        node = connect(self._step(StepKind.BRANCH, declared, before, name=name, on_error=on_error))
        return Branch(Stream(node, 0, self._gathered), Stream(node, 1, self._gathered))

    def to_sink(self, sink: Sink, *, name: str = "") -> End:
        """End the stream in *sink*.

        >>> import wallarood as w
        >>> end = w.source("words", w.ListSource(["to", "be"])).to_sink(w.StdoutSink())
        """
        check_sink(sink)
        node = self._plain(StepKind.SINK, _kebab(type(sink).__name__), name)
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
        self,
        function: Callable[..., Any],
        shape: Shape,
        word: str,
        *,
        name: str,
        on_error: OnError | None,
    ) -> "Stream":
        return self._through(_shaped(function, shape), word, name=name, on_error=on_error)

    def _through(
        self, declared: Declared[..., Any], word: str, *, name: str, on_error: OnError | None
    ) -> "Stream":
        before, after = record_types(declared.function, declared.shape)
        called = name or declared.name
        kind = state_kind(declared, called, self._kind_with_state())
        declared = attrs.evolve(declared, name=declared.name or word)
        node = self._step(kind, declared, before, name=name, on_error=on_error)
        if declared.shape not in (Shape.PREDICATE, Shape.INSPECT):
            node.record = after
        if declared.shape in LISTS and kind is StepKind.SIMPLE:
            node.key = None
        return Stream(connect(node), gathered=self._gathered and kind is StepKind.SIMPLE)

    def _kind_with_state(self) -> StepKind | None:
        if self._gathered:
            return StepKind.STATEFUL
        return StepKind.PARTITIONED if self._node.key is not None else None

    def _step(
        self,
        kind: StepKind,
        declared: Declared[..., Any],
        before: Any,
        *,
        name: str,
        on_error: OnError | None,
    ) -> Node:
        """A node that calls a function, as if the records passed it unchanged."""
        word = declared.name or kind.value
        if on_error is not None:
            policy_of(on_error)
            declared = attrs.evolve(declared, on_error=on_error)
        if not can_flow(self._node.record, before):
            raise mistake(
                f"{name or word} expects {show(before)}, "
                f"but the stream carries {show(self._node.record)}"
            )
        node = self._plain(kind, word, name)
        node.declared, node.input = declared, before
        return node

    def _plain(self, kind: StepKind, word: str, name: str) -> Node:
        if name != "":
            check_name("step", name)
        return Node(
            kind,
            place_of_caller(),
            [(self._node, self._output)],
            wanted_name=word,
            given_name=name,
            record=self._node.record,
            key=self._node.key,
        )


def _shaped(function: Any, shape: Shape) -> Declared[..., Any]:
    """*function* as a computation of *shape*, whatever it was declared as, if it can be one."""
    if not isinstance(function, Declared):
        return declare(function, shape)
    if function.state is not None:
        raise mistake(f"{function.name} keeps state: pass it to .to(…)")
    if function.shape not in (shape, Shape.ONE):
        raise mistake(f"{function.name} is a {function.shape.value} computation: pass it to .to(…)")
    declared = attrs.evolve(function, shape=shape)
    check_function(declared)
    return declared


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def source(name: str, source: Source) -> Stream:
    """Begin a stream called *name* with the records of *source*.

    Raises PipelineError: it is not a source, or *name* cannot be a name.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.ListSource(["to be", "or not"]))
    """
    check_name("source", name)
    if isinstance(source, type) or not callable(getattr(source, "partitions", None)):
        raise mistake(
            f"source {name!r}: expected a source such as w.FileSource(…), found {source!r:.100}"
        )
    node = Node(
        StepKind.SOURCE,
        place_of_caller(),
        [],
        given_name=name,
        connector=source,
        record=source.record,
    )
    return Stream(node)


def merge(*streams: Stream, name: str = "") -> Stream:
    """Several streams as one, in no order between them. It has keys only if all of them have.

    Raises PipelineError: there are fewer than two, or one is not a stream.

    >>> import wallarood as w
    >>> one, two = (w.source(name, w.ListSource([name])) for name in ("one", "two"))
    >>> both = w.merge(one, two)
    """
    for each in streams:
        if not isinstance(each, Stream):
            raise mistake(f"merge: expected streams, found {each!r:.100}")
    if len(streams) < 2:
        raise mistake("merge: expected two streams or more")
    if name != "":
        check_name("step", name)
    node = Node(
        StepKind.MERGE,
        place_of_caller(),
        [(each._node, each._output) for each in streams],
        wanted_name="merge",
        given_name=name,
        record=common_record([each._node.record for each in streams]),
        key=common_key([each._node.key for each in streams]),
    )
    return Stream(connect(node), gathered=all(each._gathered for each in streams))
