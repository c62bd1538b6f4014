"""Windows whose bounds the clock says: which of them a stamp is in, and which parts they share."""
# Theory of operation
# ===================
# Records are kept by *pane*, the longest stretches that lie wholly within or without each window.
# A tumbling window is one pane. Hopping windows of `size` each `every` share panes of gcd(size,
# every), so that a record is taken in once and not once for each window that it is in.

from collections.abc import Iterator
from math import gcd
from typing import Protocol

import attrs

from wallarood.flow.windows.calendar import Calendar
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.windows import Extent, WindowKind, Windows


class Panes(Protocol):
    """The panes of windows of a kind."""

    def pane(self, time: int) -> Extent:
        """The pane that *time* is in."""

    def windows(self, pane: Extent) -> list[Extent]:
        """The windows that have *pane*, from the first to the last."""

    def panes(self, window: Extent) -> Iterator[Extent]:
        """The panes of *window*, in order."""

    def first_open(self, time: int) -> int:
        """The first time that is in a window which does not end before or at *time*."""


@attrs.frozen
class Tumbling:
    """Windows one after the other."""

    size: int
    offset: int

    def pane(self, time: int) -> Extent:
        """See `Panes.pane`."""
        start = time - (time - self.offset) % self.size
        return start, start + self.size

    def windows(self, pane: Extent) -> list[Extent]:
        """See `Panes.windows`."""
        return [pane]

    def panes(self, window: Extent) -> Iterator[Extent]:
        """See `Panes.panes`."""
        yield window

    def first_open(self, time: int) -> int:
        """See `Panes.first_open`."""
        return self.pane(time)[0]


@attrs.frozen
class Hopping:
    """Windows of *size* that begin each *every*, which is not more."""

    size: int
    every: int
    offset: int

    @property
    def step(self) -> int:
        """The size of a pane."""
        return gcd(self.size, self.every)

    def pane(self, time: int) -> Extent:
        """See `Panes.pane`."""
        start = time - (time - self.offset) % self.step
        return start, start + self.step

    def windows(self, pane: Extent) -> list[Extent]:
        """See `Panes.windows`."""
        last = pane[0] - (pane[0] - self.offset) % self.every
        first = last - (self.size - (pane[1] - last)) // self.every * self.every
        return [(start, start + self.size) for start in range(first, last + 1, self.every)]

    def panes(self, window: Extent) -> Iterator[Extent]:
        """See `Panes.panes`."""
        step = self.step
        return ((start, start + step) for start in range(*window, step))

    def first_open(self, time: int) -> int:
        """See `Panes.first_open`."""
        before = time - self.size
        return before - (before - self.offset) % self.every + self.every


@attrs.frozen
class ByCalendar:
    """Windows from one date of a calendar to another."""

    calendar: Calendar

    def pane(self, time: int) -> Extent:
        """See `Panes.pane`."""
        return self.calendar.window(time)

    def windows(self, pane: Extent) -> list[Extent]:
        """See `Panes.windows`."""
        return [pane]

    def panes(self, window: Extent) -> Iterator[Extent]:
        """See `Panes.panes`."""
        yield window

    def first_open(self, time: int) -> int:
        """See `Panes.first_open`."""
        if time in (MIN_TIME, MAX_TIME):
            return time
        return self.calendar.window(time)[0]


def panes_of(windows: Windows) -> Panes:
    """The panes of *windows*, which are of a kind that has some."""
    match windows.kind:
        case WindowKind.TUMBLING:
            return Tumbling(windows.size, windows.offset)
        case WindowKind.HOPPING:
            return Hopping(windows.size, windows.every, windows.offset)
        case WindowKind.CALENDAR:
            return ByCalendar(Calendar.of(windows))
        case _:
            raise ValueError(f"{windows.shown} has no panes")
