"""Rolling windows: what happened in the last stretch of time before each record, with it."""
# Theory of operation
# ===================
# The window of a record with stamp t is (t - size, t]. It is emitted when the watermark is above t,
# in the order of stamps, once for all records of a key with this stamp. A record that comes after
# its own window was emitted, and that is beyond its grace, is in those of later stamps still: it is
# late if the last that may have it, which ends at t + size - 1, is beyond its grace too.
#
# Nothing is subtracted, so anything that can be merged will do. The records of the window stand in
# two stacks: those of the first are merged from each one to the last of them, those of the second
# are merged as they come. The window is a merge of one of each. When the first is used up, the
# second becomes the first: each record is merged three times, however large the window is. Where
# one stack ends is in the row of the key, so that sums of floats are the same after a restore; what
# is merged of them is made again.
#
# Rows that cannot be merged fail the windows that have them all, and no later one: what was merged
# is then dropped, and made again of the records of the window alone.

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

from wallarood.flow.failures import Failure, fail, pass_on
from wallarood.flow.keys import hold_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Reminders
from wallarood.flow.windows.gathering import Gathering, gathering_of
from wallarood.flow.windows.part import Part
from wallarood.flow.windows.results import RESULTS_MAX, Result, Results, before, nothing
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME
from wallarood.model.timing.windows import WindowSpec

_time_of: Final = itemgetter(0)
_NOT: Final = bytes([1, 0]) + bytes(254)


class Line:
    """The records of a key in the order of their stamps: (stamp, row of this record alone).

    Those from `low` on are in the window of the last stamp that was emitted, or come later; the
    first stack ends before `split`.
    """

    __slots__ = ("items", "low", "split")

    def __init__(self) -> None:
        self.items: list[tuple[int, Any]] = []
        self.low = 0
        self.split = 0

    def leave(self, bound: int) -> None:
        """Let go of what is at *bound* or before, whatever was merged of it."""
        self.low = max(self.low, bisect_right(self.items, bound, key=_time_of))
        self.split = max(self.split, self.low)


class Stacks:
    """What is merged of the stacks of a line: of the first from each to its end, of the second."""

    __slots__ = ("first", "second", "taken")

    def __init__(self, gathering: Gathering, line: Line, done: int) -> None:
        self.first: list[Any] = []
        self.second: Any = None
        self.taken = line.split
        """Up to where the line is in a stack."""
        self._fill(gathering, line)
        self.take(gathering, line, done)

    def _fill(self, gathering: Gathering, line: Line) -> None:
        merged: Any = None
        for _, row in reversed(line.items[line.low : line.split]):
            merged = row if merged is None else gathering.merge_two(row, merged)
            self.first.append(merged)

    def take(self, gathering: Gathering, line: Line, until: int) -> None:
        """Put the records before *until* on the second stack."""
        for _, row in line.items[self.taken : until]:
            both = self.second is not None
            self.second = gathering.merge_two(self.second, row) if both else row
        self.taken = max(self.taken, until)

    def leave(self, gathering: Gathering, line: Line, bound: int) -> None:
        """Let go of what is at *bound* or before."""
        items = line.items
        while line.low < self.taken and items[line.low][0] <= bound:
            if not self.first:
                line.split, self.second = self.taken, None
                self._fill(gathering, line)
            self.first.pop()
            line.low += 1
        line.split = max(line.split, line.low)

    def window(self, gathering: Gathering) -> Any:
        """The row of the window; it has a record."""
        if not self.first:
            return self.second
        if self.second is None:
            return self.first[-1]
        return gathering.merge_two(self.first[-1], self.second)


class RollingWindows:
    """The operator of rolling windows, on a `KeyedState` of `Line`s."""

    def __init__(self, making: Making) -> None:
        self._spec: WindowSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._state = making.state
        self._clock = making.clock
        self._clock.grace = self._spec.grace
        self._gathering = gathering_of(making.computation)
        self._results = Results(making.computation, self._gathering)
        self._size, self._grace = self._spec.windows.size, self._spec.grace
        self._stacks: dict[Any, Stacks] = {}
        self._reminders: Reminders[Any] = Reminders()
        for held, line in self._state.by_key.items():
            self._remind(held, line, self._clock.time)

    @property
    def wall_due(self) -> int | None:
        """The wall clock does not matter."""
        return None

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Nothing is due by the wall clock."""
        return iter(())

    def _remind(self, held: Any, line: Line, now: int) -> None:
        """Look at *line* when its next stamp is to be emitted, or when the last of it is over."""
        place = bisect_left(line.items, now, key=_time_of)
        if place < len(line.items):
            self._reminders.put(line.items[place][0] + 1, held)
        else:
            self._reminders.put(line.items[-1][0] + self._size + self._grace, held)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """Take the records in; those within the grace correct what was emitted."""
        batch = self._in_time(batch, failures)
        batch, columns = self._gathering.columns(batch, failures)
        if not batch.values:
            return nothing()
        part = Part(hold_all(batch), batch.values, batch.times, columns)
        now = self._clock.time
        self._state.touch(part.held)
        late: dict[Any, list[int]] = {}
        for place, (held, time) in enumerate(zip(part.held, batch.times or (), strict=True)):
            try:
                row = self._gathering.one(None, part, place)
            except BaseException as error:
                fail(self._computation, part.values[place], error, failures=failures)
                continue
            line = self._state.of(held)
            if time < now:
                late.setdefault(held, []).append(time)
                self._insert(held, line, (time, row))
            else:
                insort(line.items, (time, row), key=_time_of)
            self._remind(held, line, now)
        return self._corrected(late, failures) if late and self._grace else nothing()

    def _in_time(self, batch: Batch, failures: list[Failure]) -> Batch:
        """*batch* without records whose windows are beyond their grace."""
        times, now, bound = batch.times, self._clock.time, self._clock.bound - self._size + 1
        if not times or min(times) >= bound:
            return batch
        flags = before(times, bound)
        gone = batch.sift(flags)
        windows = (f"windows up to {time + self._size - 1}" for time in gone.times or ())
        self._results.late(gone, windows, watermark=now, failures=failures)
        return batch.sift(flags.translate(_NOT))

    # ---- corrections -----------------------------------------------------------------------------

    def _insert(self, held: Any, line: Line, item: tuple[int, Any]) -> None:
        """Put a record among those whose windows were emitted; the stacks are made again."""
        place = bisect_right(line.items, item[0], key=_time_of)
        line.items.insert(place, item)
        line.low += place < line.low
        line.split = max(line.low, line.split + (place < line.split))
        self._stacks.pop(held, None)

    def _corrected(self, late: dict[Any, list[int]], failures: list[Failure]) -> Batch:
        """The windows that have the late records and were emitted, or should have been."""
        now = self._clock.time
        found: list[Result] = []
        for held, times in late.items():
            items = self._state.by_key[held].items
            stamps = dict.fromkeys(time for time, _ in items)
            for stamp in stamps:
                own = any(stamp - self._size < time <= stamp for time in times)
                if own and self._clock.bound <= stamp < now:
                    start = bisect_right(items, stamp - self._size, key=_time_of)
                    end = bisect_right(items, stamp, key=_time_of)
                    window = (stamp - self._size + 1, stamp + 1)
                    try:
                        merged = self._merged([row for _, row in items[start:end]])
                    except BaseException as error:
                        self._results.fail(window, held, error, failures=failures)
                    else:
                        found.append((held, window, merged, "late", ()))
        return self._results.of_each(found, failures)

    def _merged(self, rows: list[Any]) -> Any:
        merged = rows[0]
        for row in rows[1:]:
            merged = self._gathering.merge_two(merged, row)
        return merged

    # ---- the end ---------------------------------------------------------------------------------

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """The windows of all stamps before *time*, of each key in their order."""
        found: list[Result] = []
        gone: list[Any] = []
        for _, items in self._reminders.take(time):
            for held in items:
                line = self._state.by_key.get(held)
                if line is None:
                    continue
                self._state.touch((held,))
                for result in self._emitted(held, line, time, failures=failures):
                    found.append(result)
                    if len(found) >= RESULTS_MAX:
                        yield self._results.of_each(found, failures)
                        found = []
                if time == MAX_TIME or line.items[-1][0] + self._size + self._grace <= time:
                    gone.append(held)
                else:
                    self._tidy(held, line, time)
                    self._state.of(held)
                    self._remind(held, line, time)
        self._state.delete(gone)
        for held in gone:
            self._stacks.pop(held, None)
        if found:
            yield self._results.of_each(found, failures)

    def _emitted(
        self, held: Any, line: Line, time: int, *, failures: list[Failure]
    ) -> Iterator[Result]:
        items = line.items
        place = bisect_left(items, self._clock.time, key=_time_of)
        while place < len(items) and items[place][0] < time:
            done, stamp = place, items[place][0]
            window = (stamp - self._size + 1, stamp + 1)
            place = bisect_right(items, stamp, place, key=_time_of)
            try:
                row = self._row(held, line, done=done, until=place)
            except BaseException as error:
                self._results.fail(window, held, error, failures=failures)
            else:
                yield held, window, row, "on_time", ()

    def _row(self, held: Any, line: Line, *, done: int, until: int) -> Any:
        """The row of the window of the records from *done* to before *until*, of one stamp."""
        gathering, bound = self._gathering, line.items[done][0] - self._size
        stacks = self._stacks.pop(held, None)
        try:
            if stacks is None:
                stacks = Stacks(gathering, line, done)
            stacks.take(gathering, line, until)
            stacks.leave(gathering, line, bound)
            row = stacks.window(gathering)
        except BaseException as error:  # perhaps for a record that is in this window no more
            pass_on(error)
            line.leave(bound)
            stacks = Stacks(gathering, line, until)
            row = stacks.window(gathering)
        self._stacks[held] = stacks
        return row

    def _tidy(self, held: Any, line: Line, time: int) -> None:
        """Let go of records that no window has any more, once they are many."""
        keep = line.low
        if self._grace:
            bound = time - self._grace - self._size
            keep = min(keep, bisect_right(line.items, bound, key=_time_of))
        if keep > len(line.items) - keep:
            del line.items[:keep]
            line.low -= keep
            line.split -= keep
            if held in self._stacks:
                self._stacks[held].taken -= keep
