"""The logical pipeline: what an application declared, as a graph of named steps."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs

from wallarood.model.aggregation import Aggregation


class StepKind(Enum):
    """What a step of a pipeline does."""

    SOURCE = "source"
    SIMPLE = "simple"
    KEY_BY = "key_by"
    STAMP = "stamp"
    """Records get the time at which they happened."""
    COLLECT = "collect"
    REDISTRIBUTE = "redistribute"
    """Records are dealt to all workers."""
    STATEFUL = "stateful"
    """One state for all records."""
    PARTITIONED = "partitioned"
    """One state for each key."""
    MERGE = "merge"
    BRANCH = "branch"
    SINK = "sink"


class FunctionShape(Enum):
    """What the function of a computation gets and returns.

    With state, the state follows as second argument: ``f(record, state)``.
    """

    ONE = "one"
    """A record → a record, or None, which filters it."""
    MANY = "many"
    """A record → an iterable of records."""
    BATCH = "batch"
    """A list of records → a list of records, of any length."""
    PREDICATE = "predicate"
    """A record → whether it stays."""
    INSPECT = "inspect"
    """A record → ignored; the record passes unchanged."""
    ARROW = "arrow"
    """As BATCH, on columns: a ``pyarrow.RecordBatch`` → a RecordBatch or a Table."""
    AGGREGATE = "aggregate"
    """A key and the results of its aggregations → a record. The state is the engine's own."""
    STAMP = "stamp"
    """A record → when it happened; the record passes unchanged."""
    TIMED = "timed"
    """As ONE, with state and timers: ``f(record, state, timers)``."""
    DISTINCT = "distinct"
    """The first record of a key passes. The state is the engine's own, and so below."""
    JOIN = "join"
    """Records of two inputs that are near enough → pairs."""
    JOIN_ASOF = "as-of join"
    """A record, and the last of the other input at its time → a pair."""
    JOIN_WINDOW = "window join"
    """Records of two inputs in a window → a pair of lists, with the window."""
    ENRICH = "enrich"
    """A record, and the row of a table with its key → a pair."""
    WINDOW = "window"
    """Records of a key, gathered by when they happened → what a window says of them."""


OF_THE_ENGINE = frozenset(
    {
        FunctionShape.AGGREGATE,
        FunctionShape.WINDOW,
        FunctionShape.DISTINCT,
        FunctionShape.JOIN,
        FunctionShape.JOIN_ASOF,
        FunctionShape.JOIN_WINDOW,
        FunctionShape.ENRICH,
    }
)
"""Shapes of steps whose function is no function of the application."""


class ExecutionMode(Enum):
    """Where the function of a computation runs."""

    INLINE = "inline"
    """On the event loop, in batches sized to a time budget."""
    ASYNC = "async"
    """As coroutines, several at once."""
    BLOCKING = "blocking"
    """In a thread, a batch at a time."""


class ErrorPolicy(Enum):
    """What becomes of a record whose computation raised."""

    STOP = "stop"
    """The job ends with the error."""
    SKIP = "skip"
    """The record is dropped, counted and logged."""
    DEAD_LETTER = "dead letter"
    """A `DeadLetter` goes to a sink in the record's place."""
    STREAM = "stream"
    """The record itself goes to a stream of its own: only for what is late."""


ERRORS_OUTPUT = -1
"""The output of a step that carries dead letters."""
LATE_OUTPUT = -2
"""The output of a step that carries the records which came too late for it."""
LATE_LETTERS_OUTPUT = -3
"""The output of a step that carries dead letters of records which came too late for it."""
SIDE_OUTPUTS = (ERRORS_OUTPUT, LATE_OUTPUT, LATE_LETTERS_OUTPUT)
"""Outputs of a step, also of one in the middle of a stage; all others are those of its stage."""


def time_name(source: str) -> str:
    """What the step is called that gives the records of *source* their times."""
    return f"{source}-time"


@attrs.frozen
class Where:
    """A place in the application's source, for messages."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@attrs.frozen
class Computation:
    """One user function with everything that the engine must know about it.

    `state` makes the initial state (no arguments) of a stateful or partitioned computation; None
    for a simple one. `input` and `output` are the types of a record before and after (`Any` where
    no hint says). `concurrency` bounds the coroutines in flight, `ordered` keeps their results in
    the order of the records. `threads` is how many calls may be at work at once in threads.
    `with_key`: a function with state gets the key too, as ``f(record, state, key=key)``.
    `aggregations` are those of an AGGREGATE,
    `schema` is the ``pyarrow.Schema`` of an ARROW, if one was given. `spec` says the rest of what
    a STAMP, a window, a join or the like is: a value of `wallarood.model`. `version` is that of the
    state's class, and `migrate` makes a state of it of what an older version has stored.
    """

    name: str
    function: Callable[..., Any]
    shape: FunctionShape
    where: Where
    execution: ExecutionMode = ExecutionMode.INLINE
    state: Callable[[], Any] | None = None
    on_error: ErrorPolicy = ErrorPolicy.STOP
    input: Any = Any
    output: Any = Any
    concurrency: int = 64
    ordered: bool = True
    threads: int = 1
    with_key: bool = False
    aggregations: tuple[Aggregation, ...] = ()
    schema: Any = None
    spec: Any = None
    version: int = 1
    migrate: Callable[[Any, int], Any] | None = None


@attrs.frozen
class Input:
    """The output of an earlier step: 0, or 1 for what a branch refuses, or a side output."""

    step: str
    output: int = 0


@attrs.frozen
class Step:
    """A node of the graph.

    `computation` is set for SIMPLE, KEY_BY (its function gives the key), STATEFUL, PARTITIONED and
    BRANCH (a predicate). `connector` is the source of a SOURCE (`wallarood.app.connector.Source`)
    or the sink of a SINK (`wallarood.app.connector.Sink`). `record` is the type of the records
    that leave the step and `key` the type of their keys: None on a stream without keys, Any where
    no hint says. `partitions` counts the key partitions of a PARTITIONED step. `stamped`: each
    record that leaves the step has the time at which it happened.
    """

    name: str
    kind: StepKind
    inputs: tuple[Input, ...]
    where: Where
    computation: Computation | None = None
    connector: Any = None
    record: Any = Any
    key: Any = None
    partitions: int = 256
    stamped: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether it is a source of which partitions are found while it runs, and none before."""
        return (
            self.kind is StepKind.SOURCE
            and getattr(self.connector, "discover", None) is not None
            and not self.connector.bounded
        )


@attrs.frozen
class Application:
    """A checked pipeline with a name. `steps` are in topological order, names unique.

    `fingerprint` covers names, kinds, wiring, codecs and partition counts, a line each; workers of
    one cluster must agree on it. `setups` are opened once in each worker, in this order. `was` has
    the former names of steps that are called otherwise than in the version before.
    """

    name: str
    steps: tuple[Step, ...]
    fingerprint: tuple[str, ...]
    setups: tuple[Any, ...] = ()
    was: tuple[tuple[str, str], ...] = ()

    def step(self, name: str) -> Step:
        """The step called *name*. Raises KeyError: there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


@attrs.frozen
class DeadLetter:
    """What a dead-letter sink gets for a record whose computation raised, or that is unreadable.

    `record` is the `repr` of the record, cut at 1,000 characters; `error` is the exception's type
    and message; `file` and `line` say where in the application it was raised. For what a source
    could not read, `computation` is the source, `file` and `line` say where it stands (line 0:
    it is unknown), and `raw` has all of its bytes; else that is None. Of a record that came too
    late `key` is the `repr` of its key and `stamp` its time in microseconds since 1970 UTC.
    """

    computation: str
    error: str
    file: str
    line: int
    record: str
    raw: bytes | None = None
    key: str | None = None
    stamp: int | None = None
