"""Days, weeks and months of a time zone, as stretches of event time."""
# Theory of operation
# ===================
# A date begins with the first instant at which a clock on the wall shows it, or a later one. So a
# day has 23, 24, 24.5 or 25 hours; where midnight is skipped it begins at one o'clock; a date that
# is skipped as a whole has no instant, and no window. Which instants these are is a function of
# the zone's rules: nothing here asks what time it is.
#
# Dates have years from 1 to 9999; stamps go beyond, such as one that stands for none. All that is
# before the first dates is one window, and so is all after the last.

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.windows import Extent, Windows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_SKIPPED_MAX: Final = timedelta(hours=49)
"""Longer than any change of a zone's clocks: Samoa skipped 24 hours."""
_KNOWN_MAX: Final = 4096
_FIRST: Final = date(2, 2, 1)
_LAST: Final = date(9998, 12, 1)
"""Far enough from the first and the last day there is for any zone and unit."""


@attrs.define
class Calendar:
    """The windows of a *unit* in a *zone*; dates begin *offset* after midnight, on the wall."""

    unit: str
    zone: tzinfo
    offset: timedelta
    _starts: list[int] = attrs.field(factory=list, init=False)
    """Starts of windows that follow each other without a gap."""
    _first: int = attrs.field(init=False)
    _last: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._first = self._start(self._begin(_FIRST))
        self._last = self._start(self._begin(_LAST))

    @classmethod
    def of(cls, windows: Windows) -> "Calendar":
        """The calendar of *windows*. Raises what `ZoneInfo` raises: there is no such zone."""
        offset = timedelta(microseconds=windows.offset)
        return cls(windows.unit, ZoneInfo(windows.zone), offset)

    def window(self, at: int) -> Extent:
        """The window that *at* is in."""
        starts = self._starts
        place = bisect_right(starts, at)
        if 0 < place < len(starts):
            return starts[place - 1], starts[place]
        if at < self._first:
            return MIN_TIME, self._first
        if at >= self._last:
            return self._last, MAX_TIME
        return self._learn(at)

    def _learn(self, at: int) -> Extent:
        day = self._begin((_EPOCH + at * _MICROSECOND).astimezone(self.zone).date())
        while (start := self._start(day)) > at:
            day = self._previous(day)
        while (end := self._start(day := self._next(day))) <= at:
            start = end
        if len(self._starts) > _KNOWN_MAX:
            self._starts.clear()
        if not self._starts:
            self._starts = [start, end]
        elif self._starts[-1] == start:
            self._starts.append(end)
        elif self._starts[0] == end:
            self._starts.insert(0, start)
        elif not self._starts[0] <= start < self._starts[-1]:
            self._starts = [start, end]  # far from those known
        return start, end

    def _begin(self, day: date) -> date:
        match self.unit:
            case "week":
                return day - day.weekday() * _DAY
            case "month":
                return day.replace(day=1)
            case _:
                return day

    def _next(self, day: date) -> date:
        match self.unit:
            case "week":
                return day + 7 * _DAY
            case "month":
                return (day.replace(day=28) + 4 * _DAY).replace(day=1)
            case _:
                return day + _DAY

    def _previous(self, day: date) -> date:
        return self._begin(day - _DAY)

    def _start(self, day: date) -> int:
        """The first instant at which the wall shows *day* and the offset, or a later time."""
        shown = datetime.combine(day, time()) + self.offset
        instant = shown.replace(tzinfo=self.zone).astimezone(UTC)
        if self._shown(instant) != shown:  # this time is skipped
            low, high = _since_epoch(instant - _SKIPPED_MAX), _since_epoch(instant)
            while high - low > 1:
                middle = (low + high) // 2
                if self._shown(_EPOCH + middle * _MICROSECOND) >= shown:
                    high = middle
                else:
                    low = middle
            return high
        return _since_epoch(instant)

    def _shown(self, instant: datetime) -> Any:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)


def _since_epoch(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
