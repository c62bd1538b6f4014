"""Building a pipeline: streams that methods turn into further streams, until they end in sinks.

A `Stream` is a value: its methods return new ones and change nothing, so a stream may be used
twice, and each use gets all of its records.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from wallarood.app.computations import (
    DeadLetterTo,
    Declared,
    OnError,
    declare,
    mistake,
    place_of_caller,
    policy_of,
)
from wallarood.app.connector import Sink, Source
from wallarood.app.hints import can_flow, function_hints, record_types, show
from wallarood.model.pipeline import ERRORS_OUTPUT, Calling, Shape, StepKind, Where

_order = itertools.count()


@attrs.define(eq=False)
class Node:
    """A step to be. `order` counts in order of declaration; `name` is set when checked."""

    kind: StepKind
    where: Where
    inputs: list[tuple["Node", int]]
    wanted_name: str = ""
    given_name: str = ""
    declared: Declared[..., Any] | None = None
    connector: Any = None
    input: Any = Any
    record: Any = Any
    key: Any = None
    order: int = attrs.field(factory=lambda: next(_order))
    consumers: list["Node"] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        for source, _ in self.inputs:
            source.consumers.append(self)


@attrs.frozen
class End:
    """A stream that has arrived in sinks; what `application` takes."""

    nodes: tuple[Node, ...]


class Branch(NamedTuple):
    """The two streams that a predicate parts a stream into."""

    accepted: "Stream"
    refused: "Stream"


@attrs.frozen
class Stream:
    """Records on their way. See the methods."""

    _node: Node
    _output: int = 0
    _collected: bool = False

    def to(
        self,
        computation: Declared[..., Any] | Callable[..., Any],
        *,
        name: str = "",
        on_error: OnError | None = None,
    ) -> "Stream":
        """Pass every record through *computation*; a plain function is a simple one.

        A state computation needs `key_by` or `collect` before it. `name` and `on_error` override
        what the computation says.

        Raises PipelineError: the computation cannot take the records of this stream.
        """
        if isinstance(computation, Declared):
            return self._through(computation, "computation", name=name, on_error=on_error)
        return self._through(
            declare(computation, Shape.ONE), "computation", name=name, on_error=on_error
        )

    def map(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Turn every record into what *function* returns; None filters it."""
        return self._call(function, Shape.ONE, "map", name=name, on_error=on_error)

    def filter(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Keep the records for which *function* is true."""
        return self._call(function, Shape.PREDICATE, "filter", name=name, on_error=on_error)

    def flat_map(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Turn every record into the records of the iterable that *function* returns."""
        return self._call(function, Shape.MANY, "flat_map", name=name, on_error=on_error)

    def inspect(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Call *function* with every record; the record itself goes on."""
        return self._call(function, Shape.INSPECT, "inspect", name=name, on_error=on_error)

    def key_by(
        self, function: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> "Stream":
        """Give every record the key that *function* returns.

        A key is a str, bytes, int, bool, or a tuple or frozen class of these. Records with the same
        key meet the same state, and keep their order if they come from the same source partition.
        The key stays with the record, and with what simple computations make of it, until the next
        `key_by`, a batch computation or `collect`.
        """
        declared = _declared(function, Shape.ONE)
        if declared.calling is not Calling.INLINE:
            raise mistake("key_by: expected a function that neither awaits nor blocks")
        before, key = function_hints(declared.function)
        self._check_flow(before, name or declared.name or "key_by")
        if key is float:
            raise mistake("key_by: a float cannot be a key; round it to an int or make it a str")
        node = self._node_after(StepKind.KEY_BY, declared, "key_by", name=name, on_error=on_error)
        node.record, node.key = self._node.record, key
        return Stream(node)

    def collect(self, *, name: str = "") -> "Stream":
        """Bring all records together: the next state computation has one state for all of them."""
        node = self._plain(StepKind.COLLECT, "collect", name)
        node.key = None
        return Stream(node, _collected=True)

    def merge(self, *others: "Stream", name: str = "") -> "Stream":
        """This stream and *others* as one. It has keys only if all of them have."""
        return merge(self, *others, name=name)

    def branch(
        self, predicate: Callable[..., Any], *, name: str = "", on_error: OnError | None = None
    ) -> Branch:
        """Part the stream in two: ``accepted, refused = stream.branch(predicate)``.

        Both must end in a sink; to drop records use `filter`.
        """
        declared = _declared(predicate, Shape.PREDICATE)
        if declared.calling is not Calling.INLINE:
            raise mistake("branch: expected a predicate that neither awaits nor blocks")
        self._check_flow(function_hints(declared.function)[0], name or "branch")
        node = self._node_after(StepKind.BRANCH, declared, "branch", name=name, on_error=on_error)
        node.record, node.key = self._node.record, self._node.key
        return Branch(Stream(node, 0, self._collected), Stream(node, 1, self._collected))

    def to_sink(self, sink: Sink, *, name: str = "") -> End:
        """End the stream in *sink*."""
        if not callable(getattr(sink, "open", None)):
            raise mistake(f"expected a sink, found {sink!r:.100}")
        node = self._plain(StepKind.SINK, _kebab(type(sink).__name__), name)
        node.connector = sink
        return End((node,))

    def to_sinks(self, *sinks: Sink) -> End:
        """End the stream in several sinks; each gets all records."""
        if not sinks:
            raise mistake("to_sinks: expected at least one sink")
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
        return self._through(_declared(function, shape), word, name=name, on_error=on_error)

    def _through(
        self, declared: Declared[..., Any], word: str, *, name: str, on_error: OnError | None
    ) -> "Stream":
        before, after = record_types(declared.function, declared.shape)
        self._check_flow(before, name or declared.name or word)
        kind = self._state_kind(declared, name or declared.name)
        node = self._node_after(kind, declared, word, name=name, on_error=on_error)
        passes = declared.shape in (Shape.PREDICATE, Shape.INSPECT)
        node.input = before
        node.record = self._node.record if passes else after
        node.key = None if declared.shape is Shape.BATCH else self._node.key
        return Stream(node, _collected=self._collected and kind is StepKind.SIMPLE)

    def _state_kind(self, declared: Declared[..., Any], name: str) -> StepKind:
        if declared.state is None:
            return StepKind.SIMPLE
        if self._collected:
            return StepKind.STATEFUL
        if self._node.key is None:
            raise mistake(
                f"{name} keeps state but the stream has no key: put .key_by(…) before it for a "
                "state per key, or .collect() for one state of all records"
            )
        return StepKind.PARTITIONED

    def _check_flow(self, wanted: Any, name: str) -> None:
        if not can_flow(self._node.record, wanted):
            raise mistake(
                f"{name} expects {show(wanted)}, but the stream carries {show(self._node.record)}"
            )

    def _node_after(
        self,
        kind: StepKind,
        declared: Declared[..., Any],
        word: str,
        *,
        name: str,
        on_error: OnError | None,
    ) -> Node:
        if on_error is not None:
            policy_of(on_error)
            declared = attrs.evolve(declared, on_error=on_error)
        return Node(
            kind,
            place_of_caller(),
            [(self._node, self._output)],
            wanted_name=declared.name or word,
            given_name=name,
            declared=declared,
        )

    def _plain(self, kind: StepKind, word: str, name: str) -> Node:
        return Node(
            kind,
            place_of_caller(),
            [(self._node, self._output)],
            wanted_name=word,
            given_name=name,
            record=self._node.record,
            key=self._node.key,
        )


def _declared(function: Callable[..., Any], shape: Shape) -> Declared[..., Any]:
    if not isinstance(function, Declared):
        return declare(function, shape)
    if function.state is not None:
        raise mistake(f"{function.name} keeps state: pass it to .to(…)")
    return attrs.evolve(function, shape=shape)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def source(name: str, source: Source) -> Stream:
    """Begin a stream with the records of *source*. Raises PipelineError: it is not a source.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.ListSource(["to be", "or not"]))
    """
    if not callable(getattr(source, "partitions", None)):
        raise mistake(f"source {name!r}: expected a source, found {source!r:.100}")
    return Stream(
        Node(
            StepKind.SOURCE,
            place_of_caller(),
            [],
            given_name=name,
            connector=source,
            record=source.record,
        )
    )


def merge(*streams: Stream, name: str = "") -> Stream:
    """Several streams as one, in no order between them. It has keys only if all of them have.

    Raises PipelineError: there are fewer than two.
    """
    if len(streams) < 2:
        raise mistake("merge: expected two streams or more")
    records = [each._node.record for each in streams]
    keys = [each._node.key for each in streams]
    node = Node(
        StepKind.MERGE,
        place_of_caller(),
        [(each._node, each._output) for each in streams],
        wanted_name="merge",
        given_name=name,
        record=records[0] if all(each == records[0] for each in records) else Any,
        key=_common_key(keys),
    )
    return Stream(node, _collected=all(each._collected for each in streams))


def _common_key(keys: list[Any]) -> Any:
    if None in keys:
        return None
    return keys[0] if all(each == keys[0] for each in keys) else Any


def dead_letter_node(letters: DeadLetterTo, failing: list[Node]) -> Node:
    """The sink of the dead letters of *failing*."""
    return Node(
        StepKind.SINK,
        failing[0].where,
        [(each, ERRORS_OUTPUT) for each in failing],
        wanted_name=letters.name,
        connector=letters.sink,
    )
