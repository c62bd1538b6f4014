"""How the records of a stage instance are spread over its slots, by samples."""
# Theory of operation
# ===================
# The slots that a worker owns of a stage are put into a few groups of equal size, in their order.
# The keys that were looked at for hot keys are counted by group: so it costs a hash for each of
# them, and none for the other records; once enough is known, those of every eighth batch only.
# When there are many counts all are halved, so that what was long ago counts little. A group is
# only said to have more than its part where chance would not explain it.

from collections.abc import Sequence
from math import sqrt
from typing import Any, Final

import attrs

from wallarood.flow.keys import slot_of
from wallarood.model.errors import ApplicationError
from wallarood.model.ids import WorkerName
from wallarood.model.topology import Stage

GROUPS_MAX: Final = 16
SAMPLES_MAX: Final = 1 << 15
ENOUGH: Final = 10
"""So many samples for each group are needed before their shares mean something."""
REST: Final = 8
"""Once enough is known, one of so many batches is counted."""
DOUBT: Final = 2.0
"""A count may be so many standard deviations too high by chance."""


@attrs.frozen
class SlotGroups:
    """The slots that a worker owns, of so many *slots*, in groups of equal size."""

    slots: int
    owned: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many slots a group has; the last one may have fewer."""
        return -(-max(1, len(self.owned)) // GROUPS_MAX)

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """The first and the last slot of each group."""
        starts = range(0, len(self.owned), self.width)
        ends = (min(start + self.width, len(self.owned)) - 1 for start in starts)
        return [
            (self.owned[start], self.owned[end]) for start, end in zip(starts, ends, strict=True)
        ]

    def by_slot(self) -> dict[int, int]:
        """The group of each slot that is owned."""
        return {slot: place // self.width for place, slot in enumerate(self.owned)}


def groups_of(stage: Stage, worker: WorkerName) -> SlotGroups:
    """The slots of *stage* that *worker* owns, in groups."""
    here = stage.workers.index(worker) if worker in stage.workers else -1
    owned = tuple(slot for slot, owner in enumerate(stage.partition_owners) if owner == here)
    return SlotGroups(len(stage.partition_owners), owned)


@attrs.define(eq=False)
class SlotCounts:
    """How many of the samples were of each of *groups*."""

    groups: SlotGroups
    counts: list[int] = attrs.field(init=False)
    _by_slot: dict[int, int] = attrs.field(init=False)
    _total: int = attrs.field(default=0, init=False)
    _enough: int = attrs.field(init=False)
    _turn: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * len(self.groups.bounds)
        self._by_slot = self.groups.by_slot()
        self._enough = ENOUGH * len(self.counts)

    def look(self, keys: Sequence[Any]) -> None:
        """Count *keys*, which are samples of those that have come."""
        self._turn += 1
        if self._turn % REST and self._total >= self._enough:
            return
        slots, counts, by_slot = self.groups.slots, self.counts, self._by_slot
        try:
            for key in keys:
                counts[by_slot[slot_of(key, slots)]] += 1
        except (ApplicationError, KeyError):  # no key, or not one of this worker
            return
        self._total += len(keys)
        if self._total > SAMPLES_MAX:
            self.counts = [count // 2 for count in counts]
            self._total = sum(self.counts)

    @property
    def is_known(self) -> bool:
        """Whether there are several groups, and samples enough to tell something of them."""
        return len(self.counts) > 1 and self._total >= self._enough

    def shares(self) -> list[tuple[int, int, float]]:
        """The first and last slot of each group, and its share of the records (0 to 1).

        Empty as long as too little is known.
        """
        if not self.is_known:
            return []
        total = max(1, sum(self.counts))
        pairs = zip(self.groups.bounds, self.counts, strict=True)
        return [(first, last, round(count / total, 4)) for (first, last), count in pairs]

    def skew(self) -> float | None:
        """How many times its part the busiest group has, 1 or more; None if it is not known."""
        if not self.is_known:
            return None
        owned, width = len(self.groups.owned), self.groups.width
        total, most = max(1, sum(self.counts)), 1.0
        for place, count in enumerate(self.counts):
            size = min(width, owned - place * width)
            most = max(most, (count - DOUBT * sqrt(count)) / (total * size / owned))
        return most
