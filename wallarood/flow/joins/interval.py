"""The join of two streams by key and by how far apart the times of two records are."""
# Theory of operation
# ===================
# A key's row has the records of both sides, each in the order of time. A record that comes meets
# those of the other side that are near enough, which two bisections find, and joins its own side.
#
# A record is kept while a partner may come that is not late: one of the left until the watermark W
# is above its time + hi + grace, one of the right until W is above its time - lo + grace; if the
# partners all precede it, until W has passed it itself. By the same bound a record is late: it
# could meet no other any more. What is beyond its bound meets no other, whether it is still there
# or not, so the outcome does not depend on when rows are tidied up.
#
# Where a side is outer, a record that goes unmatched is emitted as it goes: its row is looked at
# exactly then. To tidy up, rows are looked at once or so in the span that their records are kept;
# where nothing else is asked of them, they are listed for that a batch at once.

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, Final

from wallarood.flow.failures import Failure, late
from wallarood.flow.joins.rows import Emitted, Row, in_order, remember_keys
from wallarood.flow.keys import canonical_all, encoded
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Agenda, Reminders
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.joins import How, IntervalSpec

SLICE_ROWS: Final = 256
"""How many rows are looked at before what came of it is handed on."""
TIDY_SHARE: Final = 64
"""Rows that only have to be tidied up are looked at this many times a span."""


class IntervalJoin:
    """The operator of an interval join; results are pairs (left, right)."""

    def __init__(self, making: Making) -> None:
        spec: IntervalSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._spec = spec
        self._state = making.state
        self._clock = making.clock
        self._clock.grace = spec.grace
        self._outer = (spec.how in (How.LEFT, How.OUTER), spec.how in (How.RIGHT, How.OUTER))
        self._reach = ((spec.lo, spec.hi), (-spec.hi, -spec.lo))
        """Between which distances the partners of a record lie, for either side."""
        self._keep = tuple(max(far, 0) + spec.grace for _, far in self._reach)
        self._step = max(1, max(self._keep) // TIDY_SHARE)
        self._rows: Reminders[Any] = Reminders()
        """Rows to look at, of outer joins."""
        self._idle: Agenda[list[Any]] = Agenda()
        """Those of inner joins: each once."""
        for held, row in self._state.by_key.items():
            if any(self._outer):
                self._remind(held, row)
            else:
                self._idle.put(self._tidy_at(row), [held])

    @property
    def wall_due(self) -> int | None:
        """The wall clock does not matter to a join."""
        return None

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Nothing is due by the wall clock."""
        return iter(())

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        """The pairs that the records of *batch*, which are of *side*, complete."""
        batch = self._in_time(batch, failures, side)
        keys, times = batch.keys, batch.times
        if not batch.values or keys is None or times is None:
            return Batch([], [], times=[])
        held = canonical_all(batch)
        rows: list[Row] = list(self._state.use(held))
        remember_keys(rows, keys, held)
        if not any(self._outer):
            return self._meet_inner(batch, held, rows, side=side)
        places, pairs, pair_times, first = self._meet(batch, rows, side)
        for place in first:
            self._remind(held[place], rows[place])
        return Batch(pairs, [keys[place] for place in places], batch.kind, times=pair_times)

    def _in_time(self, batch: Batch, failures: list[Failure], side: int) -> Batch:
        """*batch* without the records that are late."""
        times, bound = batch.times or [], self._bound(side)
        if not times or min(times) >= bound:
            return batch
        lo, hi = self._reach[side]
        for value, key, time in zip(batch.values, batch.keys or (), times, strict=True):
            if time < bound:
                late(
                    self._computation,
                    self._spec.on_late,
                    value,
                    key=key,
                    stamp=time,
                    watermark=self._clock.time,
                    windows=f"partners from {time + lo} to {time + hi}",
                    cause=f"join, {('left', 'right')[side]}",
                    failures=failures,
                )
        return batch.sift([time >= bound for time in times])

    def _bound(self, side: int) -> int:
        """Records of *side* from before this time are not kept any longer."""
        return self._clock.bound - self._keep[side] + self._spec.grace

    def _meet_inner(self, batch: Batch, held: list[Any], rows: list[Row], *, side: int) -> Batch:
        """The pairs, where no record is emitted alone."""
        lo, hi = self._reach[side]
        bound, values, times = self._bound(1 - side), batch.values, batch.times or []
        ahead = hi >= 0
        met: list[int] = []
        """With how many others each record is paired."""
        others: list[Any] = []
        pair_times: list[int] = []
        new: list[Any] = []
        for row, value, time in zip(rows, values, times, strict=True):
            own, other = row.sides if side == 0 else (row.sides[1], row.sides[0])
            own_times, near = own.times, other.times
            if not own_times:
                own_times.append(time)
                own.values.append(value)
                if not near:
                    new.append(held[len(met)])
            elif time >= own_times[-1]:
                own_times.append(time)
                own.values.append(value)
            else:
                own.add(time, value)
            first_near = time + lo if time + lo > bound else bound
            if not near or near[-1] < first_near:
                met.append(0)
                continue
            start = 0 if near[0] >= first_near else bisect_left(near, first_near)
            if ahead and near[-1] <= time:
                found = other.values[start:]
                pair_times += [time] * len(found)
            else:
                end = bisect_right(near, time + hi, start)
                found = other.values[start:end]
                pair_times += [each if each > time else time for each in near[start:end]]
            met.append(len(found))
            others += found
        if new:
            self._idle.put(self._rounded(max(times) + max(self._keep) + 1), new)
        owns = chain.from_iterable(map(repeat, values, met))
        pairs = list(zip(*((owns, others) if side == 0 else (others, owns)), strict=True))
        keys = list(chain.from_iterable(map(repeat, batch.keys or (), met)))
        return Batch(pairs, keys, batch.kind, times=pair_times)

    def _meet(
        self, batch: Batch, rows: list[Row], side: int
    ) -> tuple[list[int], list[Any], list[int], list[int]]:
        """Places, pairs and their times; and the places of records that are the first to go."""
        lo, hi = self._reach[side]
        bound = self._bound(1 - side)
        outer_own, outer_other = self._outer[side], self._outer[1 - side]
        places: list[int] = []
        pairs: list[Any] = []
        pair_times: list[int] = []
        first: list[int] = []
        times = batch.times or ()
        for place, (row, value, time) in enumerate(zip(rows, batch.values, times, strict=True)):
            own, other = row.sides if side == 0 else (row.sides[1], row.sides[0])
            own_times = own.times
            if own_times and time >= own_times[-1]:
                at = len(own_times)
                own_times.append(time)
                own.values.append(value)
            elif (at := own.add(time, value)) == 0:
                first.append(place)
            near = other.times
            start = end = 0
            first_near = time + lo if time + lo > bound else bound
            if near and near[-1] >= first_near:
                start = 0 if near[0] >= first_near else bisect_left(near, first_near)
                end = len(near) if near[-1] <= time + hi else bisect_right(near, time + hi, start)
                if end > start:
                    others = other.values[start:end]
                    pairs += zip(repeat(value), others) if side == 0 else zip(others, repeat(value))
                    if near[end - 1] <= time:
                        pair_times += [time] * (end - start)
                    else:
                        pair_times += [each if each > time else time for each in near[start:end]]
                    places += [place] * (end - start)
                    if outer_other:
                        other.match(start, end)
            if outer_own:
                own.mark(at, met=end - start)
                if at and end <= start:
                    first.append(place)
        return places, pairs, pair_times, first

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Drop the records that can meet no partner from *time* on; emit those that never did."""
        for _, lists in self._idle.take(time):
            items = list(chain.from_iterable(lists))
            for start in range(0, len(items), SLICE_ROWS):
                self._tidy(items[start : start + SLICE_ROWS], time)
                yield Batch([], [], times=[])
        alone: list[Emitted] = []
        for _, items in self._rows.take(time):
            for start in range(0, len(items), SLICE_ROWS):
                self._let_go(items[start : start + SLICE_ROWS], time, alone)
                yield Batch([], [], times=[])
        yield from in_order(alone)

    def _tidy(self, items: list[Any], time: int) -> None:
        """Drop what can meet no partner from *time* on in the rows of these keys."""
        keep_left, keep_right = self._keep
        empty: list[Any] = []
        again: dict[int, list[Any]] = {}
        for held, row in zip(items, map(self._state.by_key.get, items), strict=True):
            if row is None:
                continue
            left, right = row.sides
            left.drop_before(time - keep_left)
            right.drop_before(time - keep_right)
            if time != MAX_TIME and (left.times or right.times):
                again.setdefault(self._tidy_at(row), []).append(held)
            else:
                empty.append(held)
        for at, keys in again.items():
            self._idle.put(at, keys)
        self._state.delete(empty)

    def _tidy_at(self, row: Row) -> int:
        """When the span of both sides of *row* is over once more, or all of it can go."""
        tidy = MIN_TIME
        for kept, keep in zip(row.sides, self._keep, strict=True):
            if times := kept.times:
                at = min(times[-1], times[0] + keep) + keep + 1
                tidy = max(tidy, at)
        return self._rounded(tidy)

    def _rounded(self, time: int) -> int:
        """*time*, or a little later, when other rows are looked at as well."""
        return -(-time // self._step) * self._step

    def _let_go(self, items: list[Any], time: int, alone: list[Emitted]) -> None:
        by_key = self._state.by_key
        keep_left, keep_right = self._keep
        empty: list[Any] = []
        for held in items:
            row = by_key.get(held)
            if row is None:
                continue
            self._emit_unmatched(held, row, time, alone=alone)
            # What is dropped here could not be met, so a capture may have it or not.
            left, right = row.sides
            left.drop_before(time - keep_left)
            right.drop_before(time - keep_right)
            if time != MAX_TIME and (left.times or right.times):
                self._remind(held, row)
                continue
            empty.append(held)
        self._state.delete(empty)

    def _emit_unmatched(self, held: Any, row: Row, time: int, *, alone: list[Emitted]) -> None:
        emitted = len(alone)
        for side, kept in enumerate(row.sides):
            if self._outer[side]:
                keep = self._keep[side]
                count = (
                    len(kept.times) if time == MAX_TIME else bisect_left(kept.times, time - keep)
                )
                for when, value in kept.unmatched(count):
                    pair = (value, None) if side == 0 else (None, value)
                    alone.append((when + keep, encoded(held), row.key_of(held), pair))
        if len(alone) > emitted:
            self._state.touch((held,))
            self._state.of(held)

    def _remind(self, held: Any, row: Row) -> None:
        """Look at *row* again when the first record goes that must be emitted then.

        For the others it is time when `_tidy_at` says so: so a row that gets many records is seldom
        looked at.
        """
        due = MAX_TIME
        for side, kept in enumerate(row.sides):
            if self._outer[side] and (unmet := kept.first_unmatched()) is not None:
                due = min(due, unmet + self._keep[side] + 1)
        self._rows.put(min(due, self._tidy_at(row)), held)
