"""Windows of so many records of a key, in the order in which they arrive."""
# Theory of operation
# ===================
# Records are numbered from 0 by key; a window has the numbers from one to before another. As with
# hopping windows, records are kept by panes, of gcd(count, every) records, which windows share. The
# record that fills the last pane of a window emits it.
#
# A key that has had no record for `ttl` is forgotten, by generations of a part of it, so up to one
# of these late. What it had in no window yet is emitted then, and at the end: a partial window.

from collections.abc import Iterable, Iterator
from math import gcd
from typing import Any, Final

from wallarood.flow.failures import Failure, fail
from wallarood.flow.keys import hold_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Reminders
from wallarood.flow.windows.gathering import gathering_of
from wallarood.flow.windows.part import Part
from wallarood.flow.windows.results import Result, Results, in_slices
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME
from wallarood.model.timing.windows import Extent, Pane, WindowSpec

GENERATIONS: Final = 64


class Counted:
    """What is kept of a key: how many records it has had, when the last, and the last panes."""

    __slots__ = ("count", "panes", "seen", "stamp")

    def __init__(self) -> None:
        self.count = 0
        self.stamp = 0
        self.seen = 0
        self.panes: list[Any] = []


class CountWindows:
    """The operator of windows that count records, on a `KeyedState` of `Counted`s."""

    def __init__(self, making: Making) -> None:
        self._spec: WindowSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._state = making.state
        self._wall = making.wall
        self._gathering = gathering_of(making.computation)
        self._results = Results(making.computation, self._gathering)
        windows = self._spec.windows
        self._size, self._every, self._ttl = windows.count, windows.count_every, windows.ttl
        self._pane = gcd(self._size, self._every)
        self._step = max(1, (self._ttl or 0) // GENERATIONS)
        self._reminders: Reminders[Any] = Reminders()
        for held, row in self._state.by_key.items():
            self._remind(held, row)

    def _remind(self, held: Any, row: Counted) -> None:
        if self._ttl is not None:
            self._reminders.put((row.seen + 1) * self._step + self._ttl, held)

    def _start(self, row: Counted) -> int:
        """The number of the first record of the window that is to be emitted next."""
        completed = max(0, 1 + (row.count - self._size) // self._every)
        start: int = completed * self._every
        return start

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """The windows that the records of *batch* complete."""
        batch, columns = self._gathering.columns(batch, failures)
        found: list[Result] = []
        stamps: list[int] = []
        if not batch.values:
            return self._results.of_each(found, failures, stamps=stamps)
        part = Part(hold_all(batch), batch.values, batch.times, columns)
        times = part.times or [self._wall()] * len(part)
        self._state.touch(part.held)
        for place, (held, time) in enumerate(zip(part.held, times, strict=True)):
            row: Counted | None = self._state.by_key.get(held)
            if row is None:
                row = Counted()
            try:
                window = self._add(row, part, place)
            except BaseException as error:
                fail(self._computation, part.values[place], error, failures=failures)
                continue
            row.stamp = time
            if self._ttl is not None and (row.count == 1 or row.seen < time // self._step):
                row.seen = time // self._step
                self._remind(held, row)
            self._state.put({held: row})
            if window is not None:
                if result := self._of(held, row, window, pane="on_time", failures=failures):
                    found.append(result)
                    stamps.append(time)
                del row.panes[: self._every // self._pane]
        return self._results.of_each(found, failures, stamps=self._stamps(stamps))

    def _stamps(self, stamps: list[int]) -> list[int] | None:
        return stamps if self._spec.stamped else None

    def _add(self, row: Counted, part: Part, place: int) -> Extent | None:
        """Add a record; the window that it completes."""
        start = self._start(row)
        pane = (row.count - start) // self._pane
        if pane == len(row.panes):
            row.panes.append(self._gathering.one(None, part, place))
        else:
            row.panes[pane] = self._gathering.one(row.panes[pane], part, place)
        row.count += 1
        if row.count < start + self._size:
            return None
        return start, start + self._size

    def _of(
        self, held: Any, row: Counted, window: Extent, *, pane: Pane, failures: list[Failure]
    ) -> Result | None:
        """The result of what *row* has; None if its panes cannot be merged."""
        try:
            return held, window, self._merged(row.panes), pane, ()
        except BaseException as error:
            self._results.fail(window, held, error, failures=failures)
            return None

    def _merged(self, panes: list[Any]) -> Any:
        if self._pane == self._size:
            return panes[0]
        merged = panes[0]
        for pane in panes[1:]:
            merged = self._gathering.merge_two(merged, pane)
        return merged

    def _rest(self, held: Any, row: Counted, failures: list[Failure]) -> Result | None:
        """The records that are in no window yet, with those that the next one has besides."""
        start = self._start(row)
        if row.count <= start + self._size - self._every and start > 0:
            return None
        return self._of(held, row, (start, row.count), pane="partial", failures=failures)

    # ---- the end ---------------------------------------------------------------------------------

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """What is left of all keys at the end, or of those that have been quiet for too long."""
        if time == MAX_TIME:
            yield from self._forget(list(self._state.by_key), failures)
        elif self._spec.stamped:
            yield from self._forget(self._quiet(time), failures)

    @property
    def wall_due(self) -> int | None:
        """When keys may have been quiet for too long, by the wall clock."""
        return None if self._spec.stamped else self._reminders.next

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:
        """What is left of keys that have been quiet for too long."""
        yield from self._forget(self._quiet(now), failures)

    def _quiet(self, now: int) -> Iterator[Any]:
        for time, items in self._reminders.take(now):
            for held in items:
                row = self._state.by_key.get(held)
                if row is None:
                    continue
                if (row.seen + 1) * self._step + (self._ttl or 0) > time:
                    self._remind(held, row)
                else:
                    yield held

    def _forget(self, keys: Iterable[Any], failures: list[Failure]) -> Iterator[Batch]:
        for some in in_slices(keys):
            rows = [(held, self._state.by_key[held]) for held in some]
            rests = [
                (rest, row.stamp) for held, row in rows if (rest := self._rest(held, row, failures))
            ]
            self._state.delete(some)
            if rests:
                found, stamps = [rest for rest, _ in rests], [stamp for _, stamp in rests]
                yield self._results.of_each(found, failures, stamps=self._stamps(stamps))
