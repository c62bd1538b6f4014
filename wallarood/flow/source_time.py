"""The watermark of a source on one worker: how far time has come in the partitions read here."""
# Theory of operation
# ===================
# A partition's watermark is its highest stamp less what may come out of order. That of the source
# is the least over its active partitions, and never falls. So a partition that was away and comes
# back with old records holds up no other: it counts as if it stood where the source stands.
# - A partition that has not been opened yet counts as minus infinity: what is in it is not known.
#   Where partitions follow each other in time, it counts as the one before it instead.
# - One that is open and has shown no record yet holds the watermark, until its first, or until it
#   counts as idle.
# - One that is idle or has ended does not count.
# - When none counts any more, the watermark is the highest of all, and then advances by the time
#   that passes: it never jumps to the clock, for the records may be of a year ago. When all have
#   ended it is MAX_TIME; that of the furthest is told first, so that what happens up to there does
#   not depend on how far the watermark had been told before the end.
# What is told of partitions comes in one order with their records, through the inbox of the stage.
#
# Highest stamps and watermarks are in the checkpoint, as they are when the barrier passes. Downtime
# does not count: a partition that was idle is active again until it has been idle again.

import json
from collections.abc import Iterable
from itertools import chain
from typing import Final

import attrs

from wallarood.model.batch import Watermark
from wallarood.model.time import MAX_TIME, MIN_TIME, Condition, TimeSettings, WhenAllIdle

PASSING_MAX: Final = 5_000_000
"""How much time passes between two looks at the clock at most; more is a stall of our own."""
PASSING_EVERY: Final = 500_000
"""How often a watermark of idle partitions advances."""


@attrs.define(eq=False)
class PartitionTime:
    """How far time has come in a partition. `watermark` is its own, whatever the source's is."""

    condition: Condition = Condition.UNOPENED
    highest: int = MIN_TIME
    watermark: int = MIN_TIME


@attrs.define(eq=False)
class SourceTime:
    """The time of one source on one worker."""

    settings: TimeSettings
    watermark: int = MIN_TIME
    partitions: dict[str, PartitionTime] = attrs.field(factory=dict)
    _passing_since: int | None = None
    """When the watermark of idle partitions last went on."""
    _elsewhere: dict[str, int] = attrs.field(factory=dict, init=False)
    """Where the slowest partition of this source stands on each other worker."""

    def expect(self, names: Iterable[str]) -> None:
        """These are the partitions that are read here, and no others."""
        known = self.partitions
        self.partitions = {name: known.get(name, PartitionTime()) for name in names}

    def highest(self, partition: str) -> int:
        """The highest stamp in *partition* so far."""
        known = self.partitions.get(partition)
        return MIN_TIME if known is None else known.highest

    def observe(self, partition: str, highest: int) -> None:
        """There are records of *partition*, of which *highest* is the highest stamp."""
        known = self.partitions.setdefault(partition, PartitionTime())
        if known.condition is not Condition.ENDED:
            known.condition = Condition.ACTIVE
        if highest > known.highest:
            known.highest = highest
            known.watermark = max(known.watermark, highest - self.settings.out_of_order)

    def tell(self, partition: str, condition: Condition) -> None:
        """*partition* has been opened, has had nothing to read for long, or has ended."""
        self.partitions.setdefault(partition, PartitionTime()).condition = condition

    @property
    def idle(self) -> bool:
        """Whether no partition is active or still to be opened, and not all have ended."""
        conditions = {each.condition for each in self.partitions.values()}
        return Condition.IDLE in conditions and conditions <= {Condition.IDLE, Condition.ENDED}

    @property
    def ended(self) -> bool:
        """Whether all partitions have ended."""
        return all(each.condition is Condition.ENDED for each in self.partitions.values())

    def advance(self, now: int) -> int:
        """The watermark of the source, at *now* by the wall clock; it never falls."""
        if not self.idle:
            self._passing_since = None
        self.watermark = max(self.watermark, self._reached())
        if self.idle and self.settings.when_all_idle is WhenAllIdle.ADVANCE:
            if self._passing_since is not None and self.watermark > MIN_TIME:
                passed = max(0, min(now - self._passing_since, PASSING_MAX))
                self.watermark += passed
            self._passing_since = now
        return self.watermark

    def tell_all(self, now: int) -> tuple[Watermark, ...]:
        """What is to be said of the source at *now*: at its end, first where the furthest is."""
        stood = self.watermark
        time = self.advance(now)
        return self.tell_end(stood) if time == MAX_TIME else (Watermark(time, self.idle),)

    def tell_end(self, said: int) -> tuple[Watermark, ...]:
        """What is to be said of the source at its end, if it has said *said*: it may be all."""
        last = Watermark(self._furthest()), Watermark(MAX_TIME)
        return tuple(each for each in last if each.time > said)

    def _furthest(self) -> int:
        """Where the partition stands that has come furthest."""
        return max((each.watermark for each in self.partitions.values()), default=MIN_TIME)

    def _reached(self) -> int:
        """How far the partitions have come by their own stamps."""
        if self.ended:
            return MAX_TIME
        active = []
        before = MIN_TIME
        names: Iterable[str] = self.partitions
        if self.settings.ordered:
            names = sorted(names)
        for name in names:
            each = self.partitions[name]
            if each.condition is Condition.ACTIVE:
                active.append(each.watermark)
            elif each.condition is Condition.UNOPENED:
                active.append(before if self.settings.ordered else MIN_TIME)
                continue
            before = max(before, each.watermark)
        if active:
            return min(active)
        return self._furthest()

    def ahead(self, partition: str) -> int:
        """How far *partition* is ahead of the slowest that is active and has shown a stamp.

        One that came back late stands where the source stands, so it holds up no other.
        """
        stands = self._stands()
        if partition not in stands:
            return 0
        return stands[partition] - min(chain(stands.values(), self._elsewhere.values()))

    @property
    def slowest(self) -> int | None:
        """Where the slowest partition here stands, see `ahead`; None if none counts."""
        return min(self._stands().values(), default=None)

    def await_word(self, workers: Iterable[str]) -> None:
        """These read partitions of this source too: until they say where, none here continues."""
        self._elsewhere = dict.fromkeys(workers, MIN_TIME)

    def elsewhere(self, worker: str, slowest: int | None) -> None:
        """Where the slowest partition of this source stands on another worker."""
        if slowest is None:
            self._elsewhere.pop(worker, None)
        else:
            self._elsewhere[worker] = slowest

    def _stands(self) -> dict[str, int]:
        return {
            name: max(each.watermark, self.watermark)
            for name, each in self.partitions.items()
            if each.condition is Condition.ACTIVE and each.watermark > MIN_TIME
        }

    @property
    def wall_due(self) -> int | None:
        """When `advance` must be called next though no record has come; None if it need not be."""
        if self._passing_since is None or self.watermark == MIN_TIME:
            return None
        return self._passing_since + PASSING_EVERY

    def encode(self) -> bytes:
        """Stamps and watermarks, for a checkpoint."""
        rows = {name: [each.highest, each.watermark] for name, each in self.partitions.items()}
        return json.dumps([self.watermark, rows]).encode()

    def decode(self, data: bytes) -> None:
        """Take what was captured; the partitions are still to be opened."""
        self.watermark, rows = json.loads(data)
        for name, (highest, watermark) in rows.items():
            self.partitions[name] = PartitionTime(Condition.UNOPENED, highest, watermark)
        if self.watermark == MAX_TIME:  # all had ended, but may have more by now
            self.watermark = max((row[1] for row in rows.values()), default=MIN_TIME)
