"""What counters did in the last seconds: differences between looks at them, some seconds apart."""

from collections import deque

import attrs

from wallarood.admin.figures.values import Shares

LOOKS_MAX = 6
"""How many looks a window has: the figures are of the time between the first and the last."""


@attrs.frozen
class Look:
    """The counters of a stage at a moment; `busy_s` and `blocked_s` with spells that go on."""

    at: float
    busy_s: float = 0.0
    blocked_s: float = 0.0
    records_in: int = 0
    records_out: int = 0
    late: int = 0
    failed: int = 0


@attrs.define(eq=False)
class Window:
    """The last looks at the counters of one stage instance."""

    looks: deque[Look] = attrs.field(factory=lambda: deque(maxlen=LOOKS_MAX))

    def add(self, look: Look) -> None:
        """Take in another look. Counters that went back are those of a job that began again."""
        if self.looks and look.records_in < self.looks[-1].records_in:
            self.looks.clear()
        self.looks.append(look)

    def shares(self) -> Shares:
        """What was done in the window; nothing before the second look."""
        if len(self.looks) < 2:
            return Shares()
        first, last = self.looks[0], self.looks[-1]
        passed_s = max(last.at - first.at, 1e-9)
        busy = min(1.0, max(0.0, last.busy_s - first.busy_s) / passed_s)
        blocked = min(1.0 - busy, max(0.0, last.blocked_s - first.blocked_s) / passed_s)
        return Shares(
            busy,
            blocked,
            (last.records_in - first.records_in) / passed_s,
            max(0, last.records_out - first.records_out) / passed_s,
            max(0, last.late - first.late) / passed_s,
            max(0, last.failed - first.failed) / passed_s,
        )


@attrs.define(eq=False)
class Growth:
    """A number as it was some time ago: the oldest of the last looks."""

    looks: deque[tuple[float, int]] = attrs.field(factory=lambda: deque(maxlen=LOOKS_MAX))

    def add(self, at: float, value: int) -> None:
        """Take in another look."""
        self.looks.append((at, value))

    def before(self, now: float) -> tuple[int, float]:
        """The oldest number, and how long ago that was; zeros if there is none."""
        if not self.looks:
            return 0, 0.0
        at, value = self.looks[0]
        return value, max(0.0, now - at)

    def rate(self) -> float:
        """How much it rises in a second; below 0 if it falls."""
        if len(self.looks) < 2:
            return 0.0
        (first_at, first), (last_at, last) = self.looks[0], self.looks[-1]
        return (last - first) / max(last_at - first_at, 1e-9)
