"""The source on one worker in lives of event time: opens, reads, finds idle and ends partitions."""

import random
from collections import deque
from typing import TypeAlias

import attrs

from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import EndOfStream, Mark, Watermark
from wallarood.model.time import MAX_TIME, MIN_TIME, Condition

from .errors import ViolationError
from .time_stage import Record, TableRow

OPEN_MAX = 2
Queue: TypeAlias = deque[Record | TableRow | Mark]


@attrs.define(eq=False)
class Source:
    """The source on one worker: its partitions, how far each was read, and its time.

    `stood` is its watermark in the checkpoint that it began from. `unheard` are the workers that
    have not said yet in this life where they stand.
    """

    worker: str
    records: dict[str, list[Record]]
    time: SourceTime
    targets: dict[str, Queue]
    """The queue of each worker, for the keys that are its."""
    may_idle: bool
    marks_all: bool
    positions: dict[str, int] = attrs.field(factory=dict)
    excused: set[str] = attrs.field(factory=set)
    idle: set[str] = attrs.field(factory=set)
    ended: set[str] = attrs.field(factory=set)
    unheard: set[str] = attrs.field(factory=set)
    stood: int = MIN_TIME
    over: bool = False
    _said: Watermark | None = None
    _favourite: float = 0.0
    """Which of its partitions it reads most at the moment: others fall behind in time."""

    def with_condition(self, *wanted: Condition) -> list[str]:
        """The partitions that are in one of these conditions."""
        return [name for name, each in self.time.partitions.items() if each.condition in wanted]

    def held_up(self, partition: str) -> bool:
        """Whether a partition is too far ahead to be read."""
        drift = self.time.settings.drift
        active = self.time.partitions[partition].condition is Condition.ACTIVE
        return drift is not None and active and self.time.ahead(partition) > drift

    def read(self, rng: random.Random) -> bool:
        """Open a partition, read a record, find one idle or at its end; whether there was any.

        Raises ViolationError: an idle partition holds time.
        """
        opened = self.with_condition(Condition.ACTIVE, Condition.IDLE)
        readable = [each for each in opened if not self.held_up(each)]
        unopened = self.with_condition(Condition.UNOPENED)
        if unopened and len(opened) < OPEN_MAX and (not readable or rng.random() < 0.5):
            self.time.tell(unopened[0], Condition.ACTIVE)
        elif readable:
            if rng.random() < 0.02:
                self._favourite = rng.random()
            often = readable[int(self._favourite * len(readable))]
            self._read(rng, often if rng.random() < 0.8 else rng.choice(readable))
        self._check_idle()
        if rng.random() < 0.6:
            self.say()
        if not self.over and len(self.ended) == len(self.records):
            self.say()
            self.over = True
            for queue in self.targets.values():
                queue.append(EndOfStream())
        return bool(readable) or not opened

    def hear(self, worker: str, slowest: int | None) -> None:
        """Another worker has said in this life where it stands."""
        self.unheard.discard(worker)
        self.time.elsewhere(worker, slowest)

    def _read(self, rng: random.Random, partition: str) -> None:
        known = partition in self.time.partitions and self.time.highest(partition) > MIN_TIME
        if known and self.unheard and self.time.settings.drift is not None:
            raise ViolationError(f"{partition} is read before {self.unheard} have spoken")
        at = self.positions.get(partition, 0)
        if at >= len(self.records[partition]):
            self.ended.add(partition)
            self.time.tell(partition, Condition.ENDED)
        elif self.may_idle and rng.random() < 0.1:
            self.excused.add(partition)
            self.idle.add(partition)
            self.time.tell(partition, Condition.IDLE)
        else:
            self.positions[partition] = at + 1
            self.idle.discard(partition)
            excused = partition in self.excused
            record = attrs.evolve(self.records[partition][at], excused=excused)
            self.time.observe(partition, record.stamp)
            workers = list(self.targets)
            self.targets[workers[ord(record.key) % len(workers)]].append(record)

    def say(self) -> None:
        """Say how far time has come. Raises ViolationError: less far than in the checkpoint."""
        told = self.time.tell_all(0)
        for watermark in told if told and told[-1] != self._said else ():
            if watermark.time < self.stood:
                raise ViolationError(f"{self.worker}: time fell to {watermark.time}")
            self._said = watermark
            targets = list(self.targets.values())
            to_all = self.marks_all or watermark.time == MAX_TIME
            for queue in targets if to_all else targets[:1]:
                queue.append(watermark)

    def _check_idle(self) -> None:
        """What is idle holds nobody up."""
        reading = [
            each.watermark if each.condition is Condition.ACTIVE else MIN_TIME
            for name, each in self.time.partitions.items()
            if name not in self.ended | self.idle
        ]
        if self.idle - self.ended and reading and self.time.advance(0) < min(reading):
            raise ViolationError(f"{self.worker}: an idle partition holds time")
