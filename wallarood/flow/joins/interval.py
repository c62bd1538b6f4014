"""The join of two streams by key and by how far apart the times of two records are."""
# Theory of operation
# ===================
# A key's row has the records of both sides, each in the order of time. A record that comes meets
# those of the other side that are near enough, which two bisections find, and joins its own side.
#
# A record is kept while a partner may come that is not late: one of the left until the watermark W
# is above its time + hi + grace, one of the right until W is above its time - lo + grace; if the
# partners all precede it, until W has passed it itself. By the same bound a record is late: it
# could meet nobody any more. What is beyond its bound meets nobody, whether it is still there or
# not, so the outcome does not depend on when rows are tidied up.
#
# Where a side is outer, a record that goes unmatched is emitted as it goes. So rows of these joins
# are looked at exactly when their first record goes, others at the next of a few times.

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Final

from wallarood.flow.failures import Failure, late
from wallarood.flow.joins.rows import Row, remember_keys
from wallarood.flow.keys import canonical_all
from wallarood.flow.state import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Reminders
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME
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
        self._outer = (spec.how in (How.LEFT, How.OUTER), spec.how in (How.RIGHT, How.OUTER))
        self._reach = ((spec.lo, spec.hi), (-spec.hi, -spec.lo))
        """Between which distances the partners of a record lie, for either side."""
        self._keep = tuple(max(far, 0) + spec.grace for _, far in self._reach)
        self._step = 1 if any(self._outer) else max(1, max(self._keep) // TIDY_SHARE)
        self._rows: Reminders[Any] = Reminders()
        for held, row in self._state.by_key.items():
            self._remind(held, row)

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
        places, pairs, pair_times, first = self._meet(batch, rows, side)
        for place in first:
            self._remind(held[place], rows[place])
        return Batch(pairs, [keys[place] for place in places], batch.kind, times=pair_times)

    def _in_time(self, batch: Batch, failures: list[Failure], side: int) -> Batch:
        """*batch* without the records that are late."""
        times, bound = batch.times or [], self._clock.time - self._keep[side]
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

    def _meet(
        self, batch: Batch, rows: list[Row], side: int
    ) -> tuple[list[int], list[Any], list[int], list[int]]:
        """Places, pairs and their times; and the places of records that are the first to go."""
        lo, hi = self._reach[side]
        bound = self._clock.time - self._keep[1 - side]
        outer_own, outer_other = self._outer[side], self._outer[1 - side]
        places: list[int] = []
        pairs: list[Any] = []
        pair_times: list[int] = []
        first: list[int] = []
        columns = zip(rows, batch.values, batch.times or (), strict=True)
        for place, (row, value, time) in enumerate(columns):
            own, other = row.sides if side == 0 else row.sides[::-1]
            start = end = 0
            near = other.times
            if near and near[-1] >= time + lo:
                start = bisect_left(near, max(time + lo, bound))
                end = bisect_right(near, time + hi, start)
            if own.add(time, value, matched=end > start if outer_own else None) == 0:
                first.append(place)
            if end > start:
                found = other.values[start:end]
                pairs += (
                    [(value, it) for it in found] if side == 0 else [(it, value) for it in found]
                )
                pair_times += [max(time, each) for each in near[start:end]]
                places += [place] * len(found)
                if outer_other:
                    other.match(start, end)
        return places, pairs, pair_times, first

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Drop the records that can meet no partner from *time* on; emit those that never did."""
        done, seen = Batch([], [], times=[]), 0
        for _, items in self._rows.take(time):
            for held in items:
                self._let_go(held, time, done)
                seen += 1
                if seen == SLICE_ROWS:
                    yield done
                    done, seen = Batch([], [], times=[]), 0
        if done.values:
            yield done

    def _let_go(self, held: Any, time: int, done: Batch) -> None:
        row = self._state.by_key.get(held)
        if row is None:
            return
        self._state.touch((held,))
        gone: list[tuple[int, int, Any]] = []
        for side, kept in enumerate(row.sides):
            keep = self._keep[side]
            count = len(kept.times) if time == MAX_TIME else bisect_left(kept.times, time - keep)
            if self._outer[side]:
                gone += [(when + keep, side, value) for when, value in kept.unmatched(count)]
            kept.drop(count)
        gone.sort(key=lambda each: each[:2])
        done.values += [(it, None) if side == 0 else (None, it) for _, side, it in gone]
        assert done.keys is not None
        assert done.times is not None
        done.keys += [row.key_of(held)] * len(gone)
        done.times += [when for when, _, _ in gone]
        if any(kept.times for kept in row.sides):
            self._state.of(held)
            self._remind(held, row)
        else:
            self._state.delete((held,))

    def _remind(self, held: Any, row: Row) -> None:
        """Look at *row* again when the first of its records goes: once W is above its bound."""
        first = min(
            kept.times[0] + keep
            for kept, keep in zip(row.sides, self._keep, strict=True)
            if kept.times
        )
        step = self._step
        self._rows.put(-(-(first + 1) // step) * step, held)
