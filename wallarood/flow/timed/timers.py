"""Timers: what user code gets to set them, and which is due when."""
# Theory of operation
# ===================
# A timer stands in the row of its key, one of each name. The index by time is not stored. A timer
# that is postponed or cancelled stays where it is in the index: when it is drawn, the row knows.
#
# The object that user code gets is one for all records. Whose timers it sets follows from how many
# results there are when it is called, so it costs nothing where it is not.

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from wallarood.flow.keys import encoded
from wallarood.flow.timed.agenda import Reminders
from wallarood.flow.timed.rows import Row
from wallarood.model.spans import parse_span
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.computations import TimedSpec

Named: TypeAlias = tuple[Any, str]
"""A key, in its canonical form, and the name of its timer."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TimerIndex:
    """Which timers are due, of those on one clock.

    While a timer fires, those that are set for no later than it wait for the next watermark, so
    that one that sets itself again does not loop without end.
    """

    def __init__(self) -> None:
        self._listed: Reminders[Named] = Reminders()
        self._firing: int | None = None
        self._later: list[tuple[int, Named]] = []

    @property
    def next(self) -> int | None:
        """When the first may be due; None if there is none."""
        return self._listed.next

    def put(self, time: int, named: Named) -> None:
        """A timer was set for *time*."""
        if self._firing is not None and time <= self._firing:
            self._later.append((time, named))
        else:
            self._listed.put(time, named)

    def relist(self, time: int, named: Named) -> None:
        """A timer that was drawn turned out to be due at *time* only."""
        self._listed.put(time, named)

    def pop(self) -> tuple[int, list[Named]]:
        """The first time, and the timers that are listed for it, in the order of keys and names."""
        time, items = self._listed.pop()
        if len(items) > 1:
            items.sort(key=lambda named: (encoded(named[0]), named[1]))
        return time, items

    def begin(self, time: int) -> None:
        """What is set now is set by a timer of *time*."""
        self._firing = time

    def end(self) -> None:
        """Timers fire no more."""
        self._firing = None

    def settle(self) -> None:
        """The watermark has been worked off: what was put off may come with the next."""
        for time, named in self.take_later():
            self._listed.put(time, named)

    def take_later(self) -> list[tuple[int, Named]]:
        """What was put off, with its times; it is not any longer."""
        later, self._later = self._later, []
        return later


class RecordTimers:
    """What a function gets as `timers`; see `wallarood.app.timed.Timers`."""

    def __init__(self, spec: TimedSpec, wall: Callable[[], int]) -> None:
        self.watermark = MIN_TIME
        self.event = TimerIndex()
        self.on_wall = TimerIndex()
        self._stamped = spec.stamped
        self._wall = wall
        self._rows: Mapping[Any, Row] = {}
        self._held: Sequence[Any] = ()
        self._times: Sequence[int] | None = None
        self._results: Sequence[Any] = ()

    def enter(
        self,
        rows: Mapping[Any, Row],
        held: Sequence[Any],
        times: Sequence[int] | None,
        *,
        results: Sequence[Any] = (),
    ) -> None:
        """What *held* are the keys of is passed to user code, each adding to *results*."""
        self._rows, self._held, self._times, self._results = rows, held, times, results

    def at(self, stamp: datetime | int, name: str = "") -> None:
        """See `wallarood.app.timed.Timers`."""
        self._need_time()
        self._set(_time_of(stamp), _checked(name))

    def after(self, span: str | timedelta, name: str = "", *, wall: bool = False) -> None:
        """See `wallarood.app.timed.Timers`."""
        waits = parse_span(span)
        name = _checked(name)
        if wall:
            row, held = self._here()
            if row.timers:
                row.timers.pop(name, None)
            row.wall = row.wall or {}
            row.wall[name] = self._wall() + waits
            self.on_wall.put(row.wall[name], (held, name))
            return
        self._need_time()
        assert self._times is not None
        self._set(self._times[len(self._results)] + waits, name)

    def cancel(self, name: str = "") -> None:
        """See `wallarood.app.timed.Timers`."""
        row, _ = self._here()
        for timers in (row.timers, row.wall):
            if timers:
                timers.pop(name, None)

    def _need_time(self) -> None:
        if not self._stamped:
            raise ValueError(
                "the records of this stream carry no time: set a timer by timers.after(span, "
                "wall=True), or give the source time=w.event_time(…)"
            )

    def _here(self) -> tuple[Row, Any]:
        place = len(self._results)
        if place >= len(self._held):
            raise ValueError("timers are set while a record or a timer is being processed, only")
        held = self._held[place]
        return self._rows[held], held

    def _set(self, time: int, name: str) -> None:
        row, held = self._here()
        if row.wall:
            row.wall.pop(name, None)
        row.timers = row.timers or {}
        row.timers[name] = time
        self.event.put(time, (held, name))


def _time_of(stamp: Any) -> int:
    """A time in microseconds. Raises TypeError or ValueError: *stamp* is none."""
    if type(stamp) is int and MIN_TIME < stamp < MAX_TIME:
        return stamp
    if isinstance(stamp, datetime):
        if stamp.tzinfo is None:
            raise ValueError(f"the time of a timer is {stamp!r}, without a time zone")
        return (stamp - _EPOCH) // timedelta(microseconds=1)
    raise TypeError(
        f"the time of a timer is {stamp!r:.100}: expected microseconds since 1970 UTC as an int, "
        "or an aware datetime"
    )


def _checked(name: Any) -> str:
    if type(name) is not str:
        raise TypeError(f"the name of a timer is {name!r:.100}: expected a str")
    return name
