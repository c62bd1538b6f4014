"""State computations that set timers and whose keys expire."""
# Theory of operation
# ===================
# Three things may happen to a key besides its records: a timer fires, its time to live is over, and
# with `in_order` a record's turn comes. All of them stand in the key's row, and in an index by time
# that is rebuilt after a restore. When the watermark rises they happen one after the other, by
# their time: at one time timers come first, by key and name, then keys that expire, then records,
# for others of the same time may still come. So the outcome is the same however far the watermark
# rises at once.
#
# At the end event timers fire once, and those that are set then do not. It makes no key expire, and
# timers on the wall clock do not fire.

from bisect import bisect_right, insort
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

from wallarood.flow.failures import Failure
from wallarood.flow.keys import canonical_all, encoded
from wallarood.flow.state.keyed import IN_USE_KEYS_MAX, KeyedState
from wallarood.flow.steps.operators import DROPPED
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Agenda
from wallarood.flow.timed.calls import Calls
from wallarood.flow.timed.expiry import Expiry
from wallarood.flow.timed.fresh import Fresh
from wallarood.flow.timed.rows import NEVER, Row
from wallarood.flow.timed.timers import RecordTimers
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME
from wallarood.model.timing.computations import TimedSpec

CALLS_MAX: Final = 256
"""How many calls of user code make a slice of a firing."""
_PAST: Final = (1 << 63) + 1
"""Above all times."""
_time_of: Final = itemgetter(0)


class TimedComputation:
    """The operator of a timed state computation."""

    def __init__(self, making: Making) -> None:
        spec: TimedSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._spec = spec
        self._state = making.state
        self._clock, self._wall = making.clock, making.wall
        self._timers = RecordTimers(spec, making.wall)
        self._expiry = Expiry(spec.ttl) if spec.ttl is not None else None
        self._calls = Calls(making.computation, self._timers, self._expiry)
        self._fresh = Fresh(self._state, self._expiry, self._calls)
        self._waiting: Agenda[Any] = Agenda()
        for held, row in self._state.by_key.items():
            self._list(held, row)

    def _list(self, held: Any, row: Row) -> None:
        for name, time in (row.timers or {}).items():
            self._timers.event.put(time, (held, name))
        for name, time in (row.wall or {}).items():
            self._timers.on_wall.put(time, (held, name))
        if self._expiry is not None:
            self._expiry.look_at(row, held)
        for time, _ in row.waiting or ():
            self._waiting.put(time, held)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """What the function returns for the records; with `in_order` they wait first."""
        if not batch.values or batch.keys is None:
            return batch
        held, keys = canonical_all(batch), batch.keys
        if self._spec.in_order:
            return self._hold(batch, self._rows(held, keys), held)
        results: list[Any] = []
        latest = NEVER
        if self._expiry is not None:
            times = batch.times if self._spec.stamped else None
            times = times or [self._wall()] * len(held)
            latest = self._expiry.enter(held, times, results)
        self._timers.watermark = self._clock.time
        self._timers.enter(self._state.by_key, held, batch.times, results=results)
        if len(self._state.by_key) <= IN_USE_KEYS_MAX:
            states = self._fresh.draw(held, keys, latest, results=results)
            whole = self._calls.of_states(batch, states, results=results, failures=failures)
        else:
            self._calls.latest = latest
            rows = iter(self._rows(held, keys))
            whole = self._calls.of_rows(batch, rows, results=results, failures=failures)
        if whole:
            return batch.replace(results)
        return batch.sift([result is not DROPPED for result in results], results)

    def _rows(self, held: list[Any], keys: list[Any]) -> list[Row]:
        rows: list[Row] = list(self._state.use(held))
        if keys is not held:
            for row, key, each in zip(rows, keys, held, strict=True):
                row.remember(key, each)
        return rows

    def _hold(self, batch: Batch, rows: list[Row], held: list[Any]) -> Batch:
        times = batch.times or ()
        for row, each, time, value in zip(rows, held, times, batch.values, strict=True):
            if row.waiting is None:
                row.waiting = []
            insort(row.waiting, (time, value), key=_time_of)
            self._waiting.put(time, each)
        return Batch([], [], times=[])

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """What happens up to *time*, in its order."""
        expiry = self._expiry if self._spec.stamped and time != MAX_TIME else None
        timers = self._timers.event
        limit = _PAST if time == MAX_TIME else time
        if self._next(expiry, limit)[0] == _PAST:
            timers.settle()
            return
        self._calls.begin()
        while True:
            first, what = self._next(expiry, limit)
            if first == _PAST:
                break
            match what:
                case 0:
                    yield from self._fire(time, failures)
                case 1:
                    yield from self._expire(failures)
                case _:
                    yield from self._release(failures)
        if time == MAX_TIME:
            self._forget_timers()
        timers.settle()
        if self._calls.done.values:
            yield self._calls.take()

    def _forget_timers(self) -> None:
        """Those that were set by timers at the end do not fire, in no later life either."""
        for due, (held, name) in self._timers.event.take_later():
            row = self._state.by_key.get(held)
            if row is not None and row.timers and row.timers.get(name) == due:
                self._touched(held)
                del row.timers[name]

    def _next(self, expiry: Expiry | None, limit: int) -> tuple[int, int]:
        """When something happens next up to *limit*, and what; `_PAST` if nothing does."""
        return min(
            (_before(self._timers.event.next, limit), 0),
            (_PAST if expiry is None else _before(expiry.next, limit), 1),
            (_before(self._waiting.next, limit - 1), 2),
        )

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:
        """What happens by the wall clock up to *now*."""
        expiry = None if self._spec.stamped else self._expiry
        timers = self._timers.on_wall
        self._calls.begin()
        while True:
            first, what = min(
                (_before(timers.next, now), 0),
                (_PAST if expiry is None else _before(expiry.next, now), 1),
            )
            if first == _PAST:
                break
            yield from self._fire_wall(failures) if what == 0 else self._expire(failures)
        timers.settle()
        if self._calls.done.values:
            yield self._calls.take()

    @property
    def wall_due(self) -> int | None:
        """When the first timer on the wall clock is due, or keys expire by it."""
        expiry = None if self._spec.stamped or self._expiry is None else self._expiry.next
        both = (self._timers.on_wall.next, expiry)
        return min((each for each in both if each is not None), default=None)

    def _fire(self, until: int, failures: list[Failure]) -> Iterator[Batch]:
        time, items = self._timers.event.pop()
        self._timers.event.begin(until if until == MAX_TIME else time)
        for held, name in items:
            row = self._state.by_key.get(held)
            due = (row.timers or {}).get(name) if row is not None else None
            if row is None or due is None:
                continue
            if due > time:  # it was postponed
                self._timers.event.relist(due, (held, name))
                continue
            self._touched(held)
            assert row.timers is not None
            del row.timers[name]
            self._timers.watermark = max(time, self._clock.time)
            self._calls.of_timer(row, held, name, time=time, failures=failures)
            if self._calls.count >= CALLS_MAX:
                yield self._calls.take()
        self._timers.event.end()

    def _fire_wall(self, failures: list[Failure]) -> Iterator[Batch]:
        time, items = self._timers.on_wall.pop()
        self._timers.on_wall.begin(time)
        for held, name in items:
            row = self._state.by_key.get(held)
            due = (row.wall or {}).get(name) if row is not None else None
            if row is None or due is None:
                continue
            if due > time:
                self._timers.on_wall.relist(due, (held, name))
                continue
            self._touched(held)
            assert row.wall is not None
            del row.wall[name]
            self._timers.watermark = self._clock.time
            self._calls.of_timer(row, held, name, time=self._clock.time, failures=failures)
            if self._calls.count >= CALLS_MAX:
                yield self._calls.take()
        self._timers.on_wall.end()

    def _expire(self, failures: list[Failure]) -> Iterator[Batch]:
        assert self._expiry is not None
        time, items = self._expiry.pop()
        gone: list[Any] = []
        if len(items) > 1 and self._spec.on_expire is not None:
            items.sort(key=encoded)
        for held in items:
            row = self._state.by_key.get(held)
            if row is None or row.seen == NEVER:
                continue
            if self._expiry.due(row) > time:
                self._expiry.look_at(row, held)
                continue
            self._touched(held)
            stamp = time if self._spec.stamped else self._clock.time
            self._calls.of_expiry(row, held, time=stamp, failures=failures)
            self._fresh.pop(held, None)
            if row.waiting:
                row.forget()
            else:
                gone.append(held)
            if self._calls.count >= CALLS_MAX:
                self._state.delete(gone)
                gone = []
                yield self._calls.take()
        self._state.delete(gone)

    def _release(self, failures: list[Failure]) -> Iterator[Batch]:
        time, items = self._waiting.pop()
        keys = list(dict.fromkeys(items))
        if len(keys) > 1:
            keys.sort(key=encoded)
        for held in keys:
            row = self._state.by_key[held]
            self._touched(held)
            waiting = row.waiting or []
            count = bisect_right(waiting, time, key=_time_of)
            row.waiting = waiting[count:] or None
            if self._expiry is not None and self._spec.stamped:
                self._expiry.seen_once(row, held, time)
            self._timers.watermark = max(time, self._clock.time)
            for _, value in waiting[:count]:
                self._calls.of_record(row, held, value, time=time, failures=failures)
            if self._calls.count >= CALLS_MAX:
                yield self._calls.take()

    def _touched(self, held: Any) -> None:
        self._state.touch((held,))
        self._state.of(held)


def _before(time: int | None, limit: int) -> int:
    return time if time is not None and time <= limit else _PAST
