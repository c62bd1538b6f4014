"""Lives of event time: sources on several workers, windows by key, checkpoints and crashes.

The parts are the real ones: `SourceTime`, and the stages of `world.time_stage`. What stands between
them is queues. Everything happens in an order that a seed draws, so that marks come late,
partitions are opened late, become idle and come back, or are held up since they are too far ahead.
Captures are encoded while records come, checkpoints are given up, commits are heard of late, and a
crash goes back to the last checkpoint that is whole; what a sink has published stays. Checkpoints
are taken also when sources and stages have ended. In some lives there is a table, which is read
before the stream; heartbeats that say where partitions stand come late, some after a crash.
"""

import random
from collections import Counter, deque
from collections.abc import Iterable
from itertools import pairwise, permutations
from string import ascii_lowercase
from typing import Any

import attrs

from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import Barrier, EndOfStream, Watermark
from wallarood.model.time import MIN_TIME, Condition, TimeSettings, WhenAllIdle

from .errors import ViolationError
from .time_source import Queue, Source
from .time_stage import (
    GAP,
    SIZE,
    STREAM,
    TABLE,
    Captured,
    Parts,
    Published,
    Record,
    Stage,
    TableRow,
    Told,
)
from .time_table import Table, rows_of

BEHIND = 4
"""How far a record may be behind those before it in its partition."""
CRASHES_MAX = 3


@attrs.define(eq=False)
class Checkpoint:
    """What a checkpoint holds; it counts when all stages are in it. `time` is at its barrier."""

    number: int
    sources: dict[str, Any] = attrs.field(factory=dict)
    tables: dict[str, int] = attrs.field(factory=dict)
    stages: dict[str, Captured] = attrs.field(factory=dict)
    time: int | None = None


@attrs.define(eq=False, slots=False)
class Life:
    """One run from the first record to the end of all."""

    seed: int
    parts: Parts = attrs.field(factory=Parts)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        rng = self.rng
        self.workers = [f"w{n}" for n in range(rng.randint(1, 3))]
        self.settings = TimeSettings(
            out_of_order=BEHIND,
            when_all_idle=WhenAllIdle.HOLD,
            drift=rng.choice((None, 0, 8, 30)),
        )
        self.may_idle = rng.random() < 0.5
        self.input = {
            worker: {
                f"{worker}-p{n}": self._records(f"{worker}-p{n}") for n in range(rng.randint(1, 4))
            }
            for worker in self.workers
        }
        self.rows: dict[str, list[TableRow]] = {}
        if rng.random() < 0.4:
            self.rows = rows_of(rng, self.workers, ascii_lowercase)
        self.words: deque[tuple[int, str, str, int | None]] = deque()
        """Heartbeats on their way: of which life, from whom, to whom, where it stands."""
        self.excused: set[str] = set()
        """The records that may be late, for their partition was idle once."""
        self.checkpoint = Checkpoint(0)
        self.pending: Checkpoint | None = None
        self.history: dict[int, dict[str, Captured]] = {}
        self.published: Published = {}
        self.number = self.crashes = 0
        self._begin()

    def _records(self, partition: str) -> list[Record]:
        rng, highest, made = self.rng, self.rng.randint(-20, 20), []
        for number in range(rng.randint(0, 60)):
            highest += rng.choice((0, 1, 3, 12))
            stamp = highest - rng.randint(0, BEHIND)
            made.append(
                Record(f"{partition}-{number}", partition, rng.choice(ascii_lowercase), stamp)
            )
        return made

    def _begin(self) -> None:
        """All workers start, from the last whole checkpoint if there is one."""
        self.pending = None
        edges = (STREAM, TABLE) if self.rows else (STREAM,)
        self.queues: dict[tuple[int, str, str], Queue] = {
            (edge, source, target): deque()
            for edge in edges
            for source in self.workers
            for target in self.workers
        }
        self.sources = [self._source(worker) for worker in self.workers]
        self.tables = [
            Table(worker, rows, self._targets(TABLE, worker), self.checkpoint.tables.get(worker, 0))
            for worker, rows in self.rows.items()
        ]
        self.stages = [
            Stage(
                worker,
                [(edge, each) for edge in edges for each in self.workers],
                self.parts,
                self.checkpoint.stages.get(worker),
                life=self.crashes,
                known=self.checkpoint.number,
                first=[(TABLE, each) for each in self.rows],
            )
            for worker in self.workers
        ]

    def _targets(self, edge: int, source: str) -> dict[str, Queue]:
        return {target: self.queues[edge, source, target] for target in self.workers}

    def _source(self, worker: str) -> Source:
        source = Source(
            worker,
            self.input[worker],
            self.parts.source(self.settings),
            self._targets(STREAM, worker),
            self.may_idle,
            self.parts.marks_all,
        )
        if worker in self.checkpoint.sources:
            positions, ended, excused, data = self.checkpoint.sources[worker]
            source.positions, source.ended = dict(positions), set(ended)
            source.excused = set(excused)
            source.time.decode(data)
            stood = SourceTime(self.settings)
            stood.decode(data)
            source.stood = stood.watermark
        if self.settings.drift is not None:
            source.unheard = set(self.workers) - {worker}
            if self.parts.waits_for_word:
                source.time.await_word(source.unheard)
        source.time.expect(source.records)
        for partition in source.ended:
            source.time.tell(partition, Condition.ENDED)
        return source

    # ---- checkpoints -----------------------------------------------------------------------------

    def _put_barrier(self) -> None:
        self.number += 1
        self.pending = Checkpoint(self.number)
        for source in self.sources:
            self.pending.sources[source.worker] = (
                dict(source.positions), set(source.ended), set(source.excused), source.time.encode()
            )  # fmt: skip
            self._put_into(source)
        for table in self.tables:
            self.pending.tables[table.worker] = table.position
            self._put_into(table)
        for stage in self.stages:
            if stage.over:
                stage.capture(self.number)

    def _put_into(self, source: Source | Table) -> None:
        """Those that have ended count as having let the barrier pass."""
        for queue in () if source.over else source.targets.values():
            queue.append(Barrier(0, self.number))

    def _give_up(self) -> None:
        """The checkpoint in flight is abandoned: the next one gets a new number."""
        self.pending = None
        for stage in self.stages:
            stage.alignment.release(self.number)

    def _encode(self, stage: Stage) -> None:
        if not stage.encode_some():
            return
        number, captured = stage.finish(self.history)
        if self.pending is None or number != self.pending.number:
            return
        self.pending.stages[stage.worker] = captured
        if len(self.pending.stages) == len(self.workers):
            self.checkpoint, self.pending = self.pending, None
            self.history[number] = self.checkpoint.stages

    # ---- stages ----------------------------------------------------------------------------------

    def _take(self, stage: Stage) -> None:
        ready = [
            source
            for source in stage.inputs
            if self.queues[*source, stage.worker] and source not in stage.alignment.blocked
        ]
        if not ready:
            return
        source = self.rng.choice(ready)
        item = self.queues[*source, stage.worker].popleft()
        match item:
            case Record():
                if item.excused:
                    self.excused.add(item.name)
                stage.take(item)
                return
            case TableRow():
                stage.take_row(item)
                return
        for mark in stage.take_mark(source, item):
            match mark:
                case Watermark(time):
                    stage.advance(time)
                case Barrier(_, number) if self.pending and number == self.pending.number:
                    self._passes(stage, self.pending)
                case EndOfStream():
                    stage.over = True
                    if self.pending and stage.passed < self.pending.number:
                        stage.capture(self.pending.number)

    def _passes(self, stage: Stage, checkpoint: Checkpoint) -> None:
        """A barrier passes: time must be the same at all instances, so that keys may move.

        Not where an input was idle: one instance may have heard of another's higher watermark while
        it was, one only when it was back. Who moves keys then takes the highest.
        """
        time = stage.clock.time
        if checkpoint.time not in (None, time) and not self.may_idle:
            raise ViolationError(f"time differs at a barrier: {checkpoint.time} and {time}")
        checkpoint.time = time
        stage.capture(checkpoint.number)

    # ---- the life --------------------------------------------------------------------------------

    def run(self) -> None:
        """Live to the end, then compare with what was fed. Raises ViolationError."""
        rng = self.rng
        for _ in range(20_000):
            if all(stage.over for stage in self.stages):
                self._end()
                return
            draw = rng.random()
            if draw < 0.02 and not self.pending:
                self._put_barrier()
            elif draw < 0.0215 and self.crashes < CRASHES_MAX:
                self.crashes += 1
                self._begin()
            elif draw < 0.024 and self.pending:
                self._give_up()
            elif draw < 0.1:
                rng.choice(self.stages).committed(self.checkpoint.number, self.published)
            elif draw < 0.15:
                self._tell(*rng.choices(self.sources, k=2))
                self._hear()
            elif draw < 0.4:
                self._encode(rng.choice(self.stages))
            elif draw < 0.68:
                if self.tables and rng.random() < 0.2:
                    rng.choice(self.tables).read()
                elif not rng.choice(self.sources).read(rng):
                    self._check_held_up()
            else:
                self._take(rng.choice(self.stages))
        raise ViolationError("time does not end")

    def _tell(self, source: Source, other: Source) -> None:
        """A heartbeat says where the slowest partition of *source* stands."""
        if source is not other:
            slowest = source.time.slowest
            self.words.append((self.crashes, source.worker, other.worker, slowest))

    def _hear(self) -> None:
        """A heartbeat comes; of one that was on its way at a crash it only counts that it came."""
        if len(self.words) < 3:
            return
        life, worker, to, slowest = self.words.popleft()
        hearer = self.sources[self.workers.index(to)]
        if life == self.crashes:
            hearer.hear(worker, slowest)
        elif self.parts.takes_old_words:
            hearer.time.elsewhere(worker, slowest)

    def _check_held_up(self) -> None:
        """When all know all, the slowest partition that is read is not held up."""
        self.words.clear()
        for source, other in permutations(self.sources, 2):
            other.hear(source.worker, source.time.slowest)
        stands = [
            (max(each.watermark, source.time.watermark), source.held_up(name))
            for source in self.sources
            for name, each in source.time.partitions.items()
            if name in source.with_condition(Condition.ACTIVE) and each.watermark > MIN_TIME
        ]
        if stands and min(stands)[1]:
            raise ViolationError("the slowest partition is held up")

    def _end(self) -> None:
        """The last checkpoint, of all that has ended; then all is published."""
        self.number += 1
        for stage in self.stages:
            stage.capture(self.number)
            while not stage.encode_some():
                pass
            stage.finish(self.history)
            stage.committed(self.number, self.published)
        self._check([told for each in self.published.values() for told in each])

    def _check(self, told: list[Told]) -> None:
        """Each record is in one window or late, its timer has fired, and it was forgotten once."""
        panes = Counter((key, start) for what, key, start, _ in _of(told, 4) if what == "window")
        counted = Counter(name for *_, names in _of(told, 4) for name in names)
        once = Counter((what, name) for what, name in _of(told, 2))
        met = {name: version for _, name, version in _of(told, 3)}
        wrong = {
            **self._wrong_sessions(_of(told, 5)),
            "a record has met two rows": _repeated(name for _, name, _ in _of(told, 3)),
            "a late letter was published twice": _twice("late", once),
            "a window is back that was dropped": [n for n, count in counted.items() if count > 1],
            "a window that has fired has opened again": [p for p, n in panes.items() if n > 1],
            "a record is late and in a window": [n for w, n in once if w == "late" and counted[n]],
            "a key is back that was forgotten": _twice("gone", once),
            "a timer has fired twice": _twice("fired", once),
        }
        for what, found in wrong.items():
            if found:
                raise ViolationError(f"{what}: {found}")
        sessions = Counter(name for *_, names in _of(told, 5) for name in names)
        rows: dict[str, int] = {}
        for row in (each for own in self.rows.values() for each in own):
            rows[row.key] = max(row.version, rows.get(row.key, 0))
        for record in self._records_of_all():
            if counted[record.name] + once["late", record.name] != 1:
                raise ViolationError(f"a record is lost: {record}")
            if sessions[record.name] + once["late for sessions", record.name] != 1:
                raise ViolationError(f"a record is lost to its session: {record}")
            if not once["fired", record.name]:
                raise ViolationError(f"a timer is lost: that of {record}")
            if record.name not in met:
                raise ViolationError(f"a record is lost to the table: {record}")
            if met[record.name] != rows.get(record.key):
                raise ViolationError(f"a record came before the table was read: {record}")
        for key, start in panes:
            assert start % SIZE == 0, key

    def _records_of_all(self) -> list[Record]:
        return [each for own in self.input.values() for records in own.values() for each in records]

    def _wrong_sessions(self, sessions: list[Told]) -> dict[str, list[Any]]:
        """What is wrong with *sessions*, each by what it is called.

        A record that may be late is in time for a session of its own, though it would have joined
        one that has closed.
        """
        stamps = {each.name: each.stamp for each in self._records_of_all()}
        opened_again, gaps = [], []
        last: dict[str, tuple[int, bool]] = {}
        for _, key, start, end, names in sorted(sessions, key=lambda each: each[1:4]):
            excused = not self.excused.isdisjoint(names)
            until, before_excused = last.get(key, (start, False))
            if start < until and not excused and not before_excused:
                opened_again.append((key, start))
            last[key] = max((end, excused), (until, before_excused))
            times = sorted(stamps[name] for name in names)
            near = all(later - time < GAP for time, later in pairwise(times))
            if not near or (times[0], times[-1] + GAP) != (start, end):
                gaps.append((key, start, end, times))
        return {
            "a session that has closed has opened again": opened_again,
            "a session is not what its records make it": gaps,
            "a record is in two sessions": _repeated(n for *_, names in sessions for n in names),
        }


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _of(told: list[Told], length: int) -> list[Told]:
    return [each for each in told if len(each) == length]


def _twice(what: str, once: Counter[tuple[str, str]]) -> list[str]:
    return [name for (which, name), count in once.items() if which == what and count > 1]
