"""Joins of each record with what another stream, or a table, said last at that time."""
# Theory of operation
# ===================
# A record waits until the watermark W is above its time t: nothing that could count for it comes
# any more. Then it meets the last record of the right at t or before, of equal times the last that
# arrived. Of the right are kept: all from W on, and the last before; it alone may still be met. So
# a late record of the right takes the place of older ones only.
#
# A table as it was at a time is the same with a bound, its `ttl`, and with rows that say that there
# is none.

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Final

from wallarood.flow.failures import Failure, late
from wallarood.flow.joins.rows import Emitted, Row, Side, in_order, remember_keys
from wallarood.flow.joins.tables import DELETED, marked_deleted
from wallarood.flow.keys import canonical_all, encoded
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Reminders
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME
from wallarood.model.timing.joins import AsOfSpec, EnrichSpec

SLICE_RECORDS: Final = 1024
TIDY_US: Final = 1_000_000
"""Rows that only have to be tidied up are looked at once in a second of event time."""


class AsOfJoin:
    """The operator of an as-of join, and of a join with a table as it was; results are pairs."""

    def __init__(self, making: Making) -> None:
        spec: AsOfSpec | EnrichSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._state = making.state
        self._clock = making.clock
        self._on_late = spec.on_late
        self._deleted = None
        self._inner = False
        if isinstance(spec, EnrichSpec):
            self._within = None if spec.ttl is None else spec.ttl - 1
            self._deleted, self._inner = spec.deleted, spec.inner
        else:
            self._within = spec.within
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
        """Keep the records of *batch*; what they meet is found out when the watermark has come."""
        if side == 0:
            batch = self._in_time(batch, failures)
        elif self._deleted is not None:
            batch = marked_deleted(self._computation, self._deleted, batch, failures=failures)
        if batch.values and batch.keys is not None:
            held = canonical_all(batch)
            rows: list[Row] = list(self._state.use(held))
            remember_keys(rows, batch.keys, held)
            columns = zip(rows, batch.times or (), batch.values, held, strict=True)
            for row, time, value, each in columns:
                own = row.sides[side]
                # Of the right, the second tells when the first is of no use any more.
                if own.add(time, value) <= side:
                    self._remind(each, row)
        return Batch([], [], times=[])

    def _in_time(self, batch: Batch, failures: list[Failure]) -> Batch:
        times, now = batch.times or [], self._clock.time
        if not times or min(times) >= now:
            return batch
        for value, key, time in zip(batch.values, batch.keys or (), times, strict=True):
            if time < now:
                late(
                    self._computation,
                    self._on_late,
                    value,
                    key=key,
                    stamp=time,
                    watermark=now,
                    windows="what the other stream said at its time",
                    cause="join, left",
                    failures=failures,
                )
        return batch.sift([time >= now for time in times])

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Emit the records that *time* has passed, with what they meet."""
        settled: list[Emitted] = []
        seen = 0
        for _, items in self._rows.take(time):
            for held in items:
                seen += self._settle(held, time, settled)
                if seen >= SLICE_RECORDS:
                    yield Batch([], [], times=[])
                    seen = 0
        yield from in_order(settled)

    def _settle(self, held: Any, time: int, settled: list[Emitted]) -> int:
        """Emit those records of a row; how much work that was, in records."""
        row = self._state.by_key.get(held)
        if row is None:
            return 1
        self._state.touch((held,))
        waiting, said = row.sides
        count = len(waiting.times) if time == MAX_TIME else bisect_left(waiting.times, time)
        name = encoded(held) if count else b""
        for when, value in zip(waiting.times[:count], waiting.values[:count], strict=True):
            met = self._said_at(said, when)
            if met is not None or not self._inner:
                settled.append((when, name, row.key_of(held), (value, met)))
        waiting.drop(count)
        self._tidy(said, time)
        if waiting.times or said.times:
            self._state.of(held)
            self._remind(held, row)
        else:
            self._state.delete((held,))
        return 1 + count

    def _said_at(self, said: Side, time: int) -> Any:
        place = bisect_right(said.times, time) - 1
        if place < 0 or said.values[place] is DELETED:
            return None
        if self._within is not None and said.times[place] < time - self._within:
            return None
        return said.values[place]

    def _tidy(self, said: Side, time: int) -> None:
        if time == MAX_TIME:
            said.drop(len(said.times))
            return
        said.drop(max(0, bisect_left(said.times, time) - 1))
        if self._within is not None and said.times and said.times[0] < time - self._within:
            said.drop(1)

    def _remind(self, held: Any, row: Row) -> None:
        """Look at *row* again when a record has waited enough, or one is of no use any more."""
        waiting, said = row.sides
        tidy = said.times[1] if len(said.times) > 1 else None
        if said.times and self._within is not None:
            gone = said.times[0] + self._within
            tidy = gone if tidy is None else min(tidy, gone)
        if waiting.times:
            self._rows.put(waiting.times[0] + 1, held)
        if tidy is not None:
            self._rows.put(-(-(tidy + 1) // TIDY_US) * TIDY_US, held)
