"""An instance of a stage in lives of event time: windows, timers and expiry, and a sink behind it.

Operators, states, their captures and the transactions of the sink are the real ones. The windows
collect the names of records, so that each of them can be followed; each record is a key of its own
that sets a timer and is forgotten.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from support.timed import WHERE, computation

from wallarood.flow.align import Alignment
from wallarood.flow.failures import Failure
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.flow.transactions import Transactions
from wallarood.flow.watermarks import Clock, restored_watermark
from wallarood.flow.windows.aligned import AlignedWindows
from wallarood.model.batch import Batch
from wallarood.model.pipeline import ErrorPolicy, Step, StepKind
from wallarood.model.time import TimeSettings
from wallarood.model.timing.computations import TimedSpec
from wallarood.model.timing.windows import Gathers, WindowKind, Windows, WindowSpec

from .errors import ViolationError

SIZE, TIMER, TTL = 10, 25, 40
Told: TypeAlias = tuple[Any, ...]
"""What a sink gets: a window, key, start and names; or late, fired, gone, and a name."""
Published: TypeAlias = dict[Any, tuple[Told, ...]]
"""What is visible outside, by transaction: nothing takes it back."""


@attrs.define(eq=False)
class Parts:
    """What the lives are made of; planted bugs are other ones."""

    source: Callable[[TimeSettings], SourceTime] = SourceTime
    clock: Callable[[], Clock] = Clock
    buckets: Callable[[str], BucketState] = BucketState
    rows: Callable[[str, Callable[[], Any]], KeyedState] = KeyedState
    windows: Callable[[Making], Any] = AlignedWindows
    timed: Callable[[Making], Any] = TimedComputation
    transactions: Callable[[tuple[Any, ...]], Transactions] = Transactions
    marks_all: bool = True
    """Whether a source tells all instances how far it has come."""


@attrs.frozen
class Captured:
    """What a checkpoint has of an instance: chunks of its states, its clock, its transactions."""

    buckets: tuple[bytes, ...]
    rows: tuple[bytes, ...]
    clock: bytes
    transactions: tuple[Any, ...]


@attrs.define
class Record:
    """A record with its partition; `excused` if that was idle before."""

    name: str
    partition: str
    key: str
    stamp: int
    excused: bool = False


def set_timer(record: str, state: Any, timers: Any) -> None:
    """Each record sets a timer."""
    timers.after(f"{TIMER}us")


def fired(name: str, state: Any, timers: Any, *, key: str) -> Told:
    """Whose timer has fired."""
    return "fired", key


def gone(state: Any, *, key: str) -> Told:
    """Who is forgotten."""
    return "gone", key


WINDOWS = computation(
    WindowSpec(
        Windows(WindowKind.TUMBLING, "tumbling", size=SIZE, every=SIZE),
        Gathers.COLLECT,
        on_late=ErrorPolicy.DEAD_LETTER,
    )
)
TIMED = computation(
    TimedSpec(True, fired, TTL, gone, timer_with_key=True, expiry_with_key=True),
    set_timer,
    state=list,
)


@attrs.define(eq=False, slots=False)
class Stage:
    """The instance on *worker*, as it was *captured*; *life* tells one start from another."""

    worker: str
    inputs: list[Any]
    parts: Parts
    captured: Captured | None
    life: int
    known: int = 0
    """The newest checkpoint that it has heard to be committed."""
    over: bool = False
    open: list[Told] = attrs.field(factory=list)
    """What the sink has got since the last barrier."""
    _capture: int = 0
    """The checkpoint whose capture is being encoded; 0 if there is none."""
    _clock: bytes = b""
    _held: tuple[Any, ...] = ()
    _there: tuple[set[Any], set[Any]] = attrs.field(factory=lambda: (set(), set()))
    """The buckets and keys at the last barrier."""
    _prepared: int = 0

    def __attrs_post_init__(self) -> None:
        parts, old = self.parts, self.captured
        self.clock = parts.clock()
        self.buckets = parts.buckets("windows")
        self.rows = parts.rows("timers", Row)
        self.transactions = parts.transactions(() if old is None else old.transactions)
        if old is not None:
            self.clock.decode(old.clock)
            self.buckets.restore(old.buckets)
            self.rows.restore(old.rows)
        watermark = restored_watermark([AtOnce("", self.clock)])
        self.alignment = Alignment(self.inputs, watermark)
        self.windows = parts.windows(self._making(WINDOWS, self.buckets))
        self.timed = parts.timed(self._making(TIMED, self.rows))

    def _making(self, of: Any, state: Any) -> Making:
        step = Step("work", StepKind.PARTITIONED, (), WHERE, of)
        return Making(step, of, state, self.clock, lambda: 0)

    # ---- records and time ------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Work on a record. Raises ViolationError: it is late, and should not be."""
        failures: list[Failure] = []
        self._say(self.windows.on_batch(_batch(record, record.key), failures))
        self._say(self.timed.on_batch(_batch(record, record.name), failures))
        for _ in failures:
            if not record.excused:
                raise ViolationError(f"{record} is late, though it is in order")
            self.open.append(("late", record.name))

    def advance(self, time: int) -> None:
        """Time comes to *time*. Raises ViolationError: it had come further."""
        if time < self.clock.time:
            raise ViolationError(f"{self.worker}: time fell to {time}")
        if time == self.clock.time:
            return
        failures: list[Failure] = []
        for operator in (self.windows, self.timed):
            for part in operator.on_watermark(time, failures):
                self._say(part)
        assert not failures
        self.clock.time = time

    def _say(self, batch: Batch) -> None:
        for each in batch.values:
            if isinstance(each, tuple):
                self.open.append(each)
            else:
                self.open.append(("window", each.key, each.start, tuple(each.value)))

    # ---- checkpoints -----------------------------------------------------------------------------

    def capture(self, number: int) -> None:
        """Begin to capture everything for checkpoint *number*."""
        self.buckets.capture(number, self.known)
        self.rows.capture(number, self.known)
        letters = [each for each in self.open if each[0] == "late"]
        for told in (letters, [each for each in self.open if each[0] != "late"]):
            if told:
                self._prepared += 1
                name = self.worker, self.life, self._prepared
                self.transactions.add((name, tuple(told)))
        self.open = []
        self._held = self.transactions.held_by(number)
        self._clock, self._capture = self.clock.encode(), number
        self._there = set(self.buckets.buckets), set(self.rows.by_key)

    def encode_some(self) -> bool:
        """Encode a piece of the capture in progress; whether it is whole by that."""
        if not self._capture:
            return False
        for state in (self.buckets, self.rows):
            if state.capturing:
                state.encode_some()
                return False
        return True

    def finish(self, history: dict[int, dict[str, Captured]]) -> tuple[int, Captured]:
        """The number and the capture, whole; *history* has what older checkpoints hold."""
        number, self._capture = self._capture, 0
        chunks = []
        for name in ("buckets", "rows"):
            part = getattr(self, name).finish()
            before = () if part.base else getattr(history[part.since][self.worker], name)
            chunks.append((*before, *part.chunks))
        self._check(*chunks)
        return number, Captured(chunks[0], chunks[1], self._clock, self._held)

    def _check(self, buckets: tuple[bytes, ...], rows: tuple[bytes, ...]) -> None:
        """What would be restored is what was there at the barrier."""
        again, rows_again = BucketState("windows"), KeyedState("timers", Row)
        again.restore(buckets)
        rows_again.restore(rows)
        for what, found, there in (
            ("a window is back that was dropped", set(again.buckets), self._there[0]),
            ("a key is back that was forgotten", set(rows_again.by_key), self._there[1]),
        ):
            if back := found - there:
                raise ViolationError(f"{what}: {back}")
            if lost := there - found:
                raise ViolationError(f"a capture has lost {lost}")

    def committed(self, number: int, published: Published) -> None:
        """A checkpoint is known committed: the sink publishes what it holds."""
        self.known = number
        self.buckets.committed(number)
        self.rows.committed(number)
        while self.transactions.due(number):
            name, told = self.transactions.oldest
            published[name] = told
            self.transactions.published()


def _batch(record: Record, key: str) -> Batch:
    return Batch([record.name], [key], times=[record.stamp])
