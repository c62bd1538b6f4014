"""An instance of a stage in lives of event time: all that goes by time, and a sink after it.

Operators, states, their captures and the transactions of the sink are the real ones. Windows and
sessions collect the names of records, so that each of them can be followed; each record is a key of
its own that sets a timer and is forgotten; and each meets the row of its key in a table, which is
read first where there is one.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from support.timed import WHERE, computation

from wallarood.flow.align import Alignment
from wallarood.flow.failures import Failure
from wallarood.flow.joins.tables import Enrich
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
from wallarood.flow.windows.session import Sessions
from wallarood.model.batch import Batch, Mark
from wallarood.model.pipeline import ErrorPolicy, Step, StepKind
from wallarood.model.time import MAX_TIME, TimeSettings
from wallarood.model.timing.computations import TimedSpec
from wallarood.model.timing.joins import EnrichSpec
from wallarood.model.timing.windows import Gathers, WindowKind, Windows, WindowSpec

from .errors import ViolationError

SIZE, GAP, TIMER, TTL = 10, 7, 25, 40
STREAM, TABLE = 0, 1
"""The edges that lead to a stage."""
Told: TypeAlias = tuple[Any, ...]
"""What a sink gets: a window, key, start and names; a session, key, start, end and names; met, a
name and the version of a row; or late, late for sessions, fired, gone, and a name."""
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
    sessions: Callable[[Making], Any] = Sessions
    enrich: Callable[[Making], Any] = Enrich
    alignment: Callable[..., Alignment] = Alignment
    transactions: Callable[[tuple[Any, ...]], Transactions] = Transactions
    marks_all: bool = True
    """Whether a source tells all instances how far it has come."""
    waits_for_word: bool = True
    """Whether a source waits until the others have said where they stand."""
    takes_old_words: bool = False
    """Whether it takes what they said before a crash."""


@attrs.frozen
class Captured:
    """What a checkpoint has of an instance: chunks of its states, its clock, its transactions."""

    chunks: dict[str, tuple[bytes, ...]]
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


@attrs.frozen
class TableRow:
    """A row of the table; of those of a key, the one of the highest version counts."""

    key: str
    version: int


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
SESSIONS = computation(
    WindowSpec(
        Windows(WindowKind.SESSION, "session", size=GAP),
        Gathers.COLLECT,
        on_late=ErrorPolicy.DEAD_LETTER,
    )
)
ENRICH = computation(EnrichSpec(True, None))
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
    first: list[Any] = attrs.field(factory=list)
    """The inputs of the table."""
    over: bool = False
    open: list[Told] = attrs.field(factory=list)
    """What the sink has got since the last barrier."""
    passed: int = 0
    """The last checkpoint whose barrier has passed."""
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
        self.states: dict[str, Any] = {
            "windows": self.buckets,
            "timers": self.rows,
            "sessions": KeyedState("sessions", list),
            "table": KeyedState("table", tuple),
        }
        self.transactions = parts.transactions(() if old is None else old.transactions)
        if old is not None:
            self.clock.decode(old.clock)
            for name, state in self.states.items():
                state.restore(old.chunks[name])
        watermark = restored_watermark([AtOnce("", self.clock)])
        self.alignment = parts.alignment(self.inputs, watermark, first=self.first)
        self.windows = parts.windows(self._making(WINDOWS, self.buckets))
        self.timed = parts.timed(self._making(TIMED, self.rows))
        self.sessions = parts.sessions(self._making(SESSIONS, self.states["sessions"]))
        self.enrich = parts.enrich(self._making(ENRICH, self.states["table"]))
        if self.alignment.waits:
            self.enrich.hold()

    def _making(self, of: Any, state: Any) -> Making:
        step = Step("work", StepKind.PARTITIONED, (), WHERE, of)
        return Making(step, of, state, self.clock, lambda: 0)

    # ---- records and time ------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Work on a record. Raises ViolationError: it is late, and should not be."""
        for what, operator, key in (
            ("late", self.windows, record.key),
            ("late for sessions", self.sessions, record.key),
            ("", self.timed, record.name),
            ("", self.enrich, record.key),
        ):
            failures: list[Failure] = []
            batch = Batch([record.name], [key], times=[record.stamp])
            self._say(operator.on_batch(batch, failures))
            for _ in failures:
                if not record.excused:
                    raise ViolationError(f"{record} is {what}, though it is in order")
                self.open.append((what, record.name))

    def take_row(self, row: TableRow) -> None:
        """Take a row of the table in."""
        self.enrich.on_batch(Batch([row.version], [row.key], times=[row.version]), [], 1)

    def take_mark(self, source: Any, mark: Mark) -> tuple[Mark, ...]:
        """Which marks pass; the table may have been read by this one."""
        waited = self.alignment.waits
        marks = self.alignment.take(source, mark)
        if waited and not self.alignment.waits:
            for part in self.enrich.on_loaded([]):
                self._say(part)
        return marks

    def advance(self, time: int) -> None:
        """Time comes to *time*. Raises ViolationError: it had come further."""
        if time < self.clock.time < MAX_TIME:
            raise ViolationError(f"{self.worker}: time fell to {time}")
        if not self.clock.is_news(time):
            return
        failures: list[Failure] = []
        for operator in (self.windows, self.timed, self.enrich):
            for part in operator.on_watermark(time, failures):
                self._say(part)
        for part in self.sessions.on_watermark(time, failures):
            for each in part.values:
                told = "session", each.key, each.start, each.end, tuple(each.value)
                self.open.append(told)
        assert not failures
        self.clock.told(time)

    def _say(self, batch: Batch) -> None:
        for each in batch.values:
            if not isinstance(each, tuple):
                self.open.append(("window", each.key, each.start, tuple(each.value)))
            elif each[0] in ("fired", "gone"):
                self.open.append(each)
            else:
                self.open.append(("met", *each))

    # ---- checkpoints -----------------------------------------------------------------------------

    def capture(self, number: int) -> None:
        """Begin to capture everything for checkpoint *number*."""
        self.passed = number
        for state in self.states.values():
            state.capture(number, self.known)
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
        for state in self.states.values():
            if state.capturing:
                state.encode_some()
                return False
        return True

    def finish(self, history: dict[int, dict[str, Captured]]) -> tuple[int, Captured]:
        """The number and the capture, whole; *history* has what older checkpoints hold."""
        number, self._capture = self._capture, 0
        chunks = {}
        for name, state in self.states.items():
            part = state.finish()
            before = () if part.base else history[part.since][self.worker].chunks[name]
            chunks[name] = (*before, *part.chunks)
        self._check(chunks["windows"], chunks["timers"])
        return number, Captured(chunks, self._clock, self._held)

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
        for state in self.states.values():
            state.committed(number)
        while self.transactions.due(number):
            name, told = self.transactions.oldest
            published[name] = told
            self.transactions.published()
