"""Lives of event time, and bugs planted in them, each caught by its own violation."""

from typing import Any

import attrs
import pytest
from world.errors import ViolationError
from world.times import Life, Parts

from wallarood.flow.source_time import SourceTime
from wallarood.flow.watermarks import Clock
from wallarood.model.time import MIN_TIME, Condition, TimeSettings

LIVES = 400


@pytest.mark.parametrize("first", range(0, LIVES, 100))
def test_nothing_is_late_that_is_in_order_and_nothing_fires_twice(first: int) -> None:
    for seed in range(first, first + 100):
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


PLANTED: dict[str, tuple[Any, str]] = {
    "the watermark is not in the checkpoint": (
        Parts(ForgetfulSource, ForgetfulClock),
        "time fell to|has opened again",
    ),
    "the watermark falls after a restart": (Parts(FallingSource), "time fell to"),
    "an idle partition holds all": (Parts(WaitingSource), "an idle partition holds time"),
    "an unopened partition does not count": (Parts(HastySource), "is late, though it is in order"),
    "what is out of order is not allowed for": (Parts(early), "is late, though it is in"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught_by_its_own_violation(bug: str) -> None:
    parts, said = PLANTED[bug]
    with pytest.raises(ViolationError, match=said):
        live(LIVES, parts)
