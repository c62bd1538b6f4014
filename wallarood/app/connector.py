"""The protocols between the engine and the outside: sources, sinks and their open halves.

A `Source` or `Sink` is a value in the pipeline: cheap to build, the same on every worker. The
engine opens it where an instance runs. Every `read` and `write` may be cancelled; after a cancelled
`read` nothing has been taken from the source.

All methods that open, read, write, commit or close are coroutines under Trio: what blocks in them
belongs into `trio.to_thread.run_sync`. `Source.partitions` is an ordinary method, which a worker
calls in a thread when it starts; `Source.size_bytes` and `SinkWriter.state` are ordinary ones that
must return at once. A class of your own needs no base class: mypy compares it with the protocol.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, Protocol, TypeAlias

import attrs
import typing_extensions

from wallarood.model.ids import ClusterId, WorkerName

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class Scope(Enum):
    """Whose partitions a source lists."""

    SHARED = "shared"
    """Every worker could read every partition; the initializer lists and the planner spreads."""
    LOCAL = "local"
    """Each worker lists and reads its own."""


@attrs.define
class SourceLimits:
    """How much one `read` may return."""

    batch_records_max: int = 2048
    batch_bytes_max: int = 1 << 20
    record_bytes_max: int = 16 << 20


Copied: TypeAlias = Callable[[str, int], None]
"""Blocks, in a thread, until so many bytes of a file are durable on another disk as well."""
AllCopied: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when all files of a sink are durable on another disk as they are here by now."""


@attrs.frozen
class SourceContext:
    """Where a source partition is read. `directory` is for what the source must keep itself.

    It is the same after a restart, belongs to this cluster, worker and source alone, and need not
    exist; empty outside a cluster. `partitions` are all of the source that are known to this
    worker, and `positions` those of its own that a checkpoint had. `appeared` is whether the
    partition has appeared since the cluster was formed: it is read from its beginning then, also by
    a source that would begin at the end of what a new cluster finds. `stamps` is whether the times
    of its records are used: a batch may lack them else. What a source appends to files
    of its `directory` and then acknowledges must be `copied` before, where that is not None. `left`
    are the partitions here that other workers have left, see `Journalled`.
    """

    step: str = ""
    worker: WorkerName = ""
    cluster_id: ClusterId = ""
    directory: str = ""
    limits: SourceLimits = attrs.field(factory=SourceLimits)
    partitions: tuple[str, ...] = ()
    positions: Mapping[str, Any] = attrs.field(factory=dict)
    appeared: bool = False
    stamps: bool = True
    copied: Copied | None = None
    left: tuple[str, ...] = ()


@attrs.frozen
class Unreadable:
    """What a source found in the place of a record: its bytes, and why they are none.

    `place` is where it was read, such as a file, `line` its number from 1 and `byte` its offset;
    each is None or empty if unknown.
    """

    error: str
    raw: bytes
    place: str = ""
    line: int | None = None
    byte: int | None = None


@attrs.frozen
class Located(Generic[T_co]):
    """A record, and where it was read: a file, the byte that it begins at, and its line from 1.

    `byte` counts from 0, in what a compressed file holds. `line` is None where it is unknown: in
    a part of a split file that is not the first.
    """

    record: T_co
    file: str
    byte: int
    line: int | None


@attrs.frozen
class SourceBatch(Generic[T_co]):
    """Records of type T, and the position in the partition after the last of them.

    There is at least one record, or something *unreadable*, to which the policy of the source's
    `on_error` applies: "skip", or `wallarood.dead_letter(sink)`. A source without that attribute,
    or with "stop", raises ApplicationError itself. A batch with neither only says a position: where
    the partition begins, if that must not be found out a second time.

    `times` has the stamp of each record, in microseconds since 1970 UTC, if the source has an
    attribute `stamped` that is true: it knows when its records happened.

    A position is what `Source.open` gets to continue from there: a value of None, bool, int, str
    and dicts and lists of these, so that it can be stored as JSON.
    """

    records: list[T_co]
    position: Any
    unreadable: tuple[Unreadable, ...] = ()
    times: list[int] | None = None


class SourceReader(Protocol[T_co]):
    """An open partition."""

    async def read(self) -> SourceBatch[T_co] | None:
        """Wait for at least one record and return what is there; None at the end.

        A partition from which nothing comes for long counts as idle (see `event_time`). A reader
        that may wait while there is more to read, as for a server, says so by an attribute
        `caught_up` that is false meanwhile. Where the source feeds a table, a stream waits for that
        once. One that knows how many records are there and not read yet has an attribute
        `lag_records`, an int or None, which is shown to operators and must not wait for anything;
        one that reads a log and knows how much of it is there and not read yet, `lag_bytes`.
        """

    async def committed(self, position: Any) -> None:
        """Nothing before *position* will be asked for again. May come while `read` is at work."""

    async def aclose(self) -> None:
        """Release what is held. Called once."""


class Source(Protocol[T_co]):
    """Where records of type T come from.

    `record` is the type of the records. `bounded` is whether the source ends by itself.

    A source whose partitions come and go also has what `Discovering` has: while it is endless,
    `partitions` is not called. When its server is away, `open`, `read` and `discover` raise
    ServerAwayError: the reader is closed, and opened again at the position after the last batch,
    after a pause that grows to ten seconds; status says whom it waits for and since when. A
    position that the server no longer has is a PositionGoneError: nothing is skipped in silence.

    When the cluster gets another worker, or one leaves, another worker may go on with a partition
    of scope SHARED. A source that keeps what it has read of one on the disk of its worker has an
    ordinary method ``stays(partition)`` that is true of such a one: it is not moved, and its worker
    cannot leave, unless the source has what `Journalled` has.
    """

    @property
    def scope(self) -> Scope:
        """Whether one worker reads each partition, or every worker its own."""

    @property
    def record(self) -> Any:
        """The type of the records; Any if unknown."""

    @property
    def bounded(self) -> bool:
        """Whether the source ends by itself."""

    def partitions(self) -> Sequence[str]:
        """List what can be read independently. Raises ApplicationError: it cannot be listed."""

    def size_bytes(self, partition: str) -> int | None:
        """How much there is to read, for a progress line; None if unknown."""

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """Open *partition* at *position*, None for its beginning."""


class Journalled(Protocol):
    """What a source has that keeps a directory for each partition, which another can go on with.

    With scope SHARED that is another worker's partition from then on. With LOCAL each worker takes
    things in. What one has left is read to its end by another: `Source.open` gets a partition that
    is in `SourceContext.left`, for which nothing is taken in.
    """

    def journal(self, partition: str) -> str:
        """The name of the directory of *partition* in `SourceContext.directory`."""

    async def check_moved(self, partition: str, position: Any, context: SourceContext) -> None:
        """Raise WallaroodError if it cannot be opened here. Nothing is taken in."""

    def take_clients(self, own: str, left: str) -> None:
        """With LOCAL, in a thread: note in directory *own* what *left* tells of clients."""


class Discovering(Protocol):
    """What an endless source has whose partitions may appear while it runs.

    Every worker watches them; who reads a new one follows from its name. It may also have
    `discover_s`, the pause between two listings in seconds (default 60), and `on_gone`: "stop"
    (default) if a partition that is no longer listed is an error, "end" if it has just ended.
    """

    async def discover(self) -> Sequence[str]:
        """List all partitions there are now.

        With scope LOCAL, those that this worker is to read. A name stands for the same records as
        long as the cluster lives: a partition that was removed and made again needs another one.

        Raises ServerAwayError: it is to be asked again.
        """


@attrs.frozen
class SinkContext:
    """Where a sink instance runs. `instance` is its number among those of its stage, from 0.

    No number is given twice: an instance that a change of the cluster begins has another one than
    any before it.

    `directory` is for what the sink must keep itself: the same after a restart, for this cluster,
    worker and sink alone; it need not exist. Empty outside a cluster. `life` names this life of the
    worker: another process, also one that runs from a copy of the same state, has another one.
    `line` grows when the cluster goes back below a checkpoint that was committed, since a kept one
    was put back: what was made visible after it is made again then, perhaps in another order.

    `all_copied` is None where nothing of `directory` is copied to another disk. Else that copy may
    be what the sink finds after a restart, and it is older than the checkpoint by no more than what
    changed since. What must not come back, as a note that was removed, waits for it.
    """

    application: str
    cluster_id: ClusterId
    worker: WorkerName
    step: str
    instance: int
    directory: str = ""
    life: str = ""
    line: int = 0
    all_copied: AllCopied | None = None


class SinkWriter(Protocol):
    """An open sink instance: a transaction is open from the start, and after each `prepare`.

    What was written becomes visible in three steps. `prepare` makes it durable and hidden, as part
    of a checkpoint, and `state` says where the writer then stands. When the checkpoint is
    committed, `commit` makes it visible. After a crash a writer is opened with the `state` of the
    checkpoint that all continue from, and what was prepared before it and may not be visible is
    committed again.
    """

    @property
    def state(self) -> Any:
        """What `Sink.open` needs to continue after the last `prepare`, as a JSON value."""

    async def write(self, records: list[Any]) -> None:
        """Take records into the open transaction, in order."""

    async def prepare(self) -> Any:
        """Make the open transaction durable but not yet visible; begin the next one.

        Returns what `commit` needs, as a JSON value; None if nothing was written.
        """

    async def commit(self, prepared: Any) -> None:
        """Make a prepared transaction visible. Idempotent; may come while `write` is at work."""

    async def aclose(self) -> None:
        """Release what is held; the open transaction is discarded. Called once."""


class Sink(Protocol):
    """Where records go.

    A sink of which another worker can publish what an instance has prepared, from a copy of its
    `SinkContext.directory` and under the same names, has the attribute `for_heirs`, which is true.
    """

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """Open an instance at *state*, None for its beginning.

        Whatever this instance has written after *state* is void, and removed if it can be.

        Raises ApplicationError or CannotCreateError: it cannot be opened.
        """
