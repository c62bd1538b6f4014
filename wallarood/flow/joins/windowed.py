"""The join of the records that two streams have of a key in a window."""
# Theory of operation
# ===================
# It is a window that collects: its records say of which side they are, and its results are split by
# side.

from collections.abc import Iterator
from typing import Any

import attrs

from wallarood.flow.failures import Failure
from wallarood.flow.steps.timed import Making
from wallarood.flow.windows.making import windowing
from wallarood.model.batch import Batch
from wallarood.model.timing.windows import Windowed


@attrs.frozen(repr=False)
class Sided:
    """A record, and of which side it is. It looks like the record, for messages."""

    side: int
    value: Any

    def __repr__(self) -> str:
        return repr(self.value)


class WindowJoin:
    """The operator of a window join; a result's value is a pair of lists."""

    def __init__(self, making: Making) -> None:
        self._windows: Any = windowing(making)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        """What follows from records of *side* at once."""
        sided = batch.replace([Sided(side, value) for value in batch.values])
        return _parted(self._windows.on_batch(sided, failures))

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """The windows that have closed."""
        return map(_parted, self._windows.on_watermark(time, failures))

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:
        """What is due by the wall clock."""
        return map(_parted, self._windows.on_wall(now, failures))

    @property
    def wall_due(self) -> int | None:
        """When `on_wall` is to be called next."""
        due: int | None = self._windows.wall_due
        return due


def _parted(batch: Batch) -> Batch:
    return batch.replace([_of_both(each) for each in batch.values])


def _of_both(result: Windowed[Any, list[Sided]]) -> Windowed[Any, tuple[list[Any], list[Any]]]:
    lefts = [each.value for each in result.value if each.side == 0]
    rights = [each.value for each in result.value if each.side == 1]
    return Windowed(
        result.key, result.start, result.end, (lefts, rights), result.pane, result.replaces
    )
