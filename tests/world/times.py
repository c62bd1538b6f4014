"""Lives of event time: sources on several workers, windows by key, checkpoints and crashes.

The parts are the real ones that decide: `SourceTime`, `Alignment`, `Clock`. What stands between
them, queues and a window that counts, is as simple as it can be. Everything happens in an order
that a seed draws, so that marks come late, partitions are opened late, become idle and come back,
and a crash goes back to the last checkpoint that is whole.
"""

import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from wallarood.flow.align import Alignment
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.watermarks import Clock, restored_watermark
from wallarood.model.batch import Barrier, EndOfStream, Mark, Watermark
from wallarood.model.time import MIN_TIME, Condition, TimeSettings, WhenAllIdle

from .errors import ViolationError

SIZE = 10
BEHIND = 4
"""How far a record may be behind those before it in its partition."""
OPEN_MAX = 2
CRASHES_MAX = 3
Pane: TypeAlias = tuple[str, int]


@attrs.define
class Record:
    """A record with its partition; `excused` if that was idle before."""

    partition: str
    key: str
    stamp: int
    excused: bool = False


@attrs.define(eq=False)
class Parts:
    """What the lives are made of; planted bugs are other ones."""

    source: Callable[[TimeSettings], SourceTime] = SourceTime
    clock: Callable[[], Clock] = Clock


@attrs.define(eq=False)
class Source:
    """The source on one worker: its partitions, how far each was read, and its time."""

    worker: str
    records: dict[str, list[Record]]
    time: SourceTime
    positions: dict[str, int] = attrs.field(factory=dict)
    excused: set[str] = attrs.field(factory=set)
    idle: set[str] = attrs.field(factory=set)
    ended: set[str] = attrs.field(factory=set)
    said: Watermark | None = None
    over: bool = False


@attrs.define(eq=False)
class Window:
    """The instance of a stage that counts the records of each key in spans of `SIZE`."""

    worker: str
    alignment: Alignment
    clock: Clock
    open: Counter[Pane] = attrs.field(factory=Counter)
    out: list[tuple[Pane, int]] = attrs.field(factory=list)
    late: list[Record] = attrs.field(factory=list)
    over: bool = False


@attrs.define(eq=False, slots=False)
class Life:
    """One run from the first record to the end of all."""

    seed: int
    parts: Parts = attrs.field(factory=Parts)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        rng = self.rng
        self.workers = [f"w{n}" for n in range(rng.randint(1, 3))]
        self.settings = TimeSettings(out_of_order=BEHIND, when_all_idle=WhenAllIdle.HOLD)
        self.may_idle = rng.random() < 0.5
        self.input = {
            worker: {
                f"{worker}-p{n}": self._records(f"{worker}-p{n}") for n in range(rng.randint(1, 4))
            }
            for worker in self.workers
        }
        self.checkpoint: dict[str, Any] = {}
        self.number = self.crashes = 0
        self._begin()

    def _records(self, partition: str) -> list[Record]:
        rng, highest, made = self.rng, self.rng.randint(-20, 20), []
        for _ in range(rng.randint(0, 25)):
            highest += rng.choice((0, 1, 3, 12))
            made.append(Record(partition, rng.choice("ab"), highest - rng.randint(0, BEHIND)))
        return made

    def _begin(self) -> None:
        """All workers start, from the last whole checkpoint if there is one."""
        self.queues: dict[tuple[str, str], deque[Record | Mark]] = {
            (source, target): deque() for source in self.workers for target in self.workers
        }
        self.sources = [
            Source(worker, self.input[worker], self.parts.source(self.settings))
            for worker in self.workers
        ]
        self.windows = [
            Window(worker, Alignment([(0, each) for each in self.workers]), self.parts.clock())
            for worker in self.workers
        ]
        self.pending: dict[str, Any] = {}
        for source in self.sources:
            if source.worker in self.checkpoint.get("sources", {}):
                positions, ended, excused, data = self.checkpoint["sources"][source.worker]
                source.positions, source.ended = dict(positions), set(ended)
                source.excused = set(excused)
                source.time.decode(data)
            source.time.expect(source.records)
            for partition in source.ended:
                source.time.tell(partition, Condition.ENDED)
        for window in self.windows:
            if window.worker in self.checkpoint.get("windows", {}):
                data, opened, out, late = self.checkpoint["windows"][window.worker]
                window.clock.decode(data)
                window.alignment.watermark = restored_watermark([AtOnce("", window.clock)])
                window.open, window.out, window.late = Counter(opened), list(out), list(late)

    # ---- sources ---------------------------------------------------------------------------------

    def _targets(self, source: Source) -> list[deque[Record | Mark]]:
        return [self.queues[source.worker, target] for target in self.workers]

    def _read(self, source: Source) -> None:
        """Open a partition, read a record, or find one idle or at its end."""
        conditions = {name: each.condition for name, each in source.time.partitions.items()}
        opened = [n for n, c in conditions.items() if c in (Condition.ACTIVE, Condition.IDLE)]
        unopened = [n for n, c in conditions.items() if c is Condition.UNOPENED]
        if unopened and len(opened) < OPEN_MAX and self.rng.random() < 0.5:
            source.time.tell(unopened[0], Condition.ACTIVE)
        elif opened:
            partition = self.rng.choice(opened)
            at = source.positions.get(partition, 0)
            if at >= len(source.records[partition]):
                source.ended.add(partition)
                source.time.tell(partition, Condition.ENDED)
            elif self.may_idle and self.rng.random() < 0.1:
                source.excused.add(partition)
                source.idle.add(partition)
                source.time.tell(partition, Condition.IDLE)
            else:
                source.positions[partition] = at + 1
                source.idle.discard(partition)
                record = attrs.evolve(
                    source.records[partition][at], excused=partition in source.excused
                )
                source.time.observe(partition, record.stamp)
                target = self.workers[ord(record.key) % len(self.workers)]
                self.queues[source.worker, target].append(record)
        self._check_idle(source)
        if self.rng.random() < 0.6:
            self._say(source)
        if not source.over and len(source.ended) == len(source.records):
            self._say(source)
            source.over = True
            for queue in self._targets(source):
                queue.append(EndOfStream())

    def _say(self, source: Source) -> None:
        watermark = Watermark(source.time.advance(0), source.time.idle)
        if source.worker in self.checkpoint.get("sources", {}):
            stood = SourceTime(self.settings)
            stood.decode(self.checkpoint["sources"][source.worker][3])
            if watermark.time < stood.watermark:
                raise ViolationError(
                    f"{source.worker}: time fell to {watermark.time} from {stood.watermark}"
                )
        if watermark != source.said:
            source.said = watermark
            for queue in self._targets(source):
                queue.append(watermark)

    def _check_idle(self, source: Source) -> None:
        """What is idle holds nobody up."""
        reading = [
            each.watermark if each.condition is Condition.ACTIVE else MIN_TIME
            for name, each in source.time.partitions.items()
            if name not in source.ended | source.idle
        ]
        if source.idle - source.ended and reading and source.time.advance(0) < min(reading):
            raise ViolationError(f"{source.worker}: an idle partition holds time")

    def _put_barrier(self) -> None:
        self.number += 1
        barrier = Barrier(0, self.number)
        self.pending = {"sources": {}, "windows": {}}
        for source in self.sources:
            self.pending["sources"][source.worker] = (
                dict(source.positions), set(source.ended), set(source.excused), source.time.encode()
            )  # fmt: skip
            for queue in self._targets(source):
                if not source.over:
                    queue.append(barrier)

    # ---- windows ---------------------------------------------------------------------------------

    def _take(self, window: Window) -> None:
        ready = [
            source
            for source in self.workers
            if self.queues[source, window.worker] and (0, source) not in window.alignment.blocked
        ]
        if not ready:
            return
        source = self.rng.choice(ready)
        item = self.queues[source, window.worker].popleft()
        if isinstance(item, Record):
            self._count(window, item)
            return
        for mark in window.alignment.take((0, source), item):
            match mark:
                case Watermark(time):
                    if time < window.clock.time:
                        raise ViolationError(f"{window.worker}: time fell to {time}")
                    self._fire(window, time)
                case Barrier(_, number) if number == self.number and self.pending:
                    self._captured(window)
                case EndOfStream():
                    window.over = True
                    if self.pending and window.worker not in self.pending["windows"]:
                        self._captured(window)

    def _captured(self, window: Window) -> None:
        self.pending["windows"][window.worker] = (
            window.clock.encode(), Counter(window.open), list(window.out), list(window.late)
        )  # fmt: skip
        if len(self.pending["windows"]) == len(self.workers):
            self.checkpoint, self.pending = self.pending, {}

    def _count(self, window: Window, record: Record) -> None:
        start = record.stamp // SIZE * SIZE
        if start + SIZE <= window.clock.time:
            if not record.excused:
                raise ViolationError(f"{record} is late, though it is in order")
            window.late.append(record)
        else:
            window.open[record.key, start] += 1

    def _fire(self, window: Window, time: int) -> None:
        if time <= window.clock.time:
            return
        for pane in sorted(window.open):
            if pane[1] + SIZE <= time:
                window.out.append((pane, window.open.pop(pane)))
        window.clock.time = time

    # ---- the life --------------------------------------------------------------------------------

    def run(self) -> None:
        """Live to the end, then compare with what was fed. Raises ViolationError."""
        for _ in range(20_000):
            if all(window.over for window in self.windows):
                self._check_end()
                return
            draw = self.rng.random()
            if draw < 0.02 and not self.pending and not any(s.over for s in self.sources):
                self._put_barrier()
            elif draw < 0.025 and self.crashes < CRASHES_MAX:
                self.crashes += 1
                self._begin()
            elif draw < 0.5:
                self._read(self.rng.choice(self.sources))
            else:
                self._take(self.rng.choice(self.windows))
        raise ViolationError("time does not end")

    def _check_end(self) -> None:
        fired = Counter(pane for window in self.windows for pane, _ in window.out)
        again = [pane for pane, count in fired.items() if count > 1]
        if again:
            raise ViolationError(f"a window that has fired has opened again: {again}")
        found: Counter[Pane] = Counter()
        for window in self.windows:
            found.update(dict(window.out))
            for record in window.late:
                found[record.key, record.stamp // SIZE * SIZE] += 1
        wanted = Counter(
            (record.key, record.stamp // SIZE * SIZE)
            for own in self.input.values()
            for records in own.values()
            for record in records
        )
        if found != wanted:
            raise ViolationError(f"counted {found}, expected {wanted}")
