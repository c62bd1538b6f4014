"""Lives of event time, and bugs planted in them, each caught by its own violation."""

from collections.abc import Iterable
from typing import Any

import attrs
import pytest
from world.errors import ViolationError
from world.time_stage import Parts
from world.times import Life

from wallarood.flow.align import Alignment
from wallarood.flow.failures import Failure
from wallarood.flow.joins.tables import Enrich
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.buckets import Bucket, BucketState, Rows
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.computation import TimedComputation
from wallarood.flow.timed.rows import Row
from wallarood.flow.transactions import Transactions
from wallarood.flow.watermarks import Clock
from wallarood.flow.windows.aligned import AlignedWindows
from wallarood.flow.windows.session import Sessions
from wallarood.model.batch import Batch, Mark
from wallarood.model.time import MIN_TIME, Condition, TimeSettings

LIVES = 400


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(each, marks=pytest.mark.long) for each in range(50, 400, 50))]
)
def test_nothing_is_late_that_is_in_order_and_nothing_fires_twice(first: int) -> None:
    for seed in range(first, first + 50):
        Life(seed).run()


class ForgetfulClock(Clock):
    """Begins from nothing after a restart."""

    def decode(self, data: bytes) -> None:
        """Take nothing."""


class ForgetfulSource(SourceTime):
    """As the clock."""

    def decode(self, data: bytes) -> None:
        """Take nothing."""


class FallingSource(SourceTime):
    """Remembers its partitions, and not where it stood itself."""

    def decode(self, data: bytes) -> None:
        super().decode(data)
        self.watermark = MIN_TIME
        for each in self.partitions.values():
            each.highest = each.watermark = MIN_TIME


class WaitingSource(SourceTime):
    """Waits for partitions that are idle."""

    def tell(self, partition: str, condition: Condition) -> None:
        if condition is not Condition.IDLE:
            super().tell(partition, condition)


class HastySource(SourceTime):
    """Does not wait for partitions that have not been opened."""

    def _reached(self) -> int:
        whole = self.partitions
        self.partitions = {
            name: each for name, each in whole.items() if each.condition is not Condition.UNOPENED
        }
        try:
            return super()._reached() if self.partitions else MIN_TIME
        finally:
            self.partitions = whole


def early(settings: TimeSettings) -> SourceTime:
    """A source that does not allow for records that are out of order."""
    return SourceTime(attrs.evolve(settings, out_of_order=0))


def live(lives: int, parts: Parts) -> None:
    """Live until something is wrong."""
    for seed in range(lives):
        Life(seed, parts).run()


class HoldingSource(SourceTime):
    """Counts partitions that are idle or have ended among those that hold up others."""

    def _stands(self) -> dict[str, int]:
        partitions = self.partitions.items()
        return {name: each.watermark for name, each in partitions if each.watermark > MIN_TIME}


class LenientWindows(AlignedWindows):
    """Takes records whose window has fired, and opens it again."""

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        watermark, self._clock.time = self._clock.time, MIN_TIME
        try:
            return super().on_batch(batch, failures, side)
        finally:
            self._clock.time = watermark


class ForgetfulBuckets(BucketState):
    """Does not tell checkpoints which buckets were dropped."""

    def drop(self, bucket: Bucket) -> Rows:
        try:
            return super().drop(bucket)
        finally:
            self._dropped.clear()


class ForgetfulRows(KeyedState):
    """Does not tell checkpoints which keys were deleted."""

    def delete(self, keys: Iterable[Any]) -> None:
        gone = list(keys)
        super().delete(gone)
        self._changed.difference_update(gone)


class ForgetfulTimers(TimedComputation):
    """Does not look for timers in what was restored."""

    def _list(self, held: Any, row: Row) -> None:
        timers, row.timers = row.timers, None
        super()._list(held, row)
        row.timers = timers


class ForgetfulSessions(Sessions):
    """Does not look for sessions in what was restored."""

    def __init__(self, making: Making) -> None:
        self._begun = False
        super().__init__(making)
        self._begun = True

    def _remind(self, held: Any, sessions: list[Any], now: int) -> None:
        if self._begun:
            super()._remind(held, sessions, now)


class HastyEnrich(Enrich):
    """Does not wait for the table."""

    def hold(self) -> None:
        """Hold nothing."""


class ForgetfulEnrich(Enrich):
    """Does not look for the records that were held in what was restored."""

    def __init__(self, making: Making) -> None:
        assert isinstance(making.state, KeyedState)
        rows = making.state.by_key
        rows.update({key: row[:2] for key, row in rows.items()})
        super().__init__(making)


class HastyAlignment(Alignment):
    """Lets a barrier pass when an input has ended, whatever the others have shown."""

    def _aligned(self) -> tuple[Mark, ...]:
        barrier = self._barrier
        if barrier is None or not self.ended:
            return super()._aligned()
        self._release()
        return (barrier,)


class HastyTransactions(Transactions):
    """Publishes late letters that are prepared, whatever checkpoint is committed."""

    def due(self, number: int) -> bool:
        letters = self._prepared and self.oldest[1][0][0] == "late"
        return bool(letters) or super().due(number)


PLANTED: dict[str, tuple[Any, str]] = {
    "the watermark is not in the checkpoint": (
        Parts(ForgetfulSource, ForgetfulClock),
        "time fell to|has opened again",
    ),
    "the watermark falls after a restart": (Parts(FallingSource), "time fell to"),
    "an idle partition holds all": (Parts(WaitingSource), "an idle partition holds time"),
    "an unopened partition does not count": (Parts(HastySource), "is late, though it is in order"),
    "what is out of order is not allowed for": (Parts(early), "is late, though it is in"),
    "an idle partition holds up others": (
        Parts(HoldingSource),
        "the slowest partition is held up",
    ),
    "some are not told how far time has come": (
        Parts(marks_all=False),
        "time differs at a barrier",
    ),
    "a window that has fired opens again": (
        Parts(windows=LenientWindows),
        "a window that has fired has opened again",
    ),
    "the tombstone of a window is lost": (
        Parts(buckets=ForgetfulBuckets),
        "a window is back that was dropped",
    ),
    "the tombstone of a key is lost": (
        Parts(rows=ForgetfulRows),
        "a key is back that was forgotten",
    ),
    "a timer is lost": (Parts(timed=ForgetfulTimers), "a timer is lost"),
    "sessions are not looked for after a restart": (
        Parts(sessions=ForgetfulSessions),
        "a record is lost to its session",
    ),
    "the stream does not wait for the table": (
        Parts(enrich=HastyEnrich),
        "a record came before the table was read",
    ),
    "what was held for the table is lost": (
        Parts(enrich=ForgetfulEnrich),
        "a record is lost to the table",
    ),
    "a barrier waits for no other input when one has ended": (
        Parts(alignment=HastyAlignment),
        "time differs at a barrier|a record is lost",
    ),
    "nobody waits for the word of the others": (
        Parts(waits_for_word=False),
        "is read before .* have spoken",
    ),
    "a word of an earlier life counts": (
        Parts(takes_old_words=True),
        "is read before .* have spoken",
    ),
    "a late letter of an abandoned checkpoint is published": (
        Parts(transactions=HastyTransactions),
        "a late letter was published twice|a record is late and in a window",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught_by_its_own_violation(bug: str) -> None:
    parts, said = PLANTED[bug]
    with pytest.raises(ViolationError, match=said):
        live(LIVES, parts)
