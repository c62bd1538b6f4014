"""Tables: the newest record of each key, and the join of a stream with it as it is now."""
# Theory of operation
# ===================
# A row is a pair (time, record). The highest time wins, and of equal times what arrived last. A
# deleted row stays as a tombstone, so that an older record does not bring it back, until `ttl` has
# passed: then any row is forgotten. Without times the last that arrived wins, `ttl` counts from its
# arrival, and nothing has to be remembered of a deleted row.
#
# A table that has an end is read first: the stream waits for it. Records that a barrier brings with
# it meanwhile are held in the row of their key, as its third part, until the table is loaded.

from collections.abc import Callable, Iterator
from itertools import compress, islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

from wallarood.flow.failures import Failure, fail
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.operators import DROPPED, call_each
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Reminders
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.joins import EnrichSpec

DELETED: Final[Any] = ...
"""In the place of the record of a row that was deleted."""
TTL_PARTS: Final = 64
"""A row is forgotten at most a part of `ttl` late."""
_SLICE_ROWS: Final = 1024
_Waiting: TypeAlias = tuple[int, tuple[Any, Any], Any, Any]
"""The pair of a record that was held: its arrival, itself, its key, its stamp."""
_NO_ROW: Final[tuple[Any, ...]] = (MIN_TIME, DELETED)


def marked_deleted(
    computation: Computation,
    deleted: Callable[[Any], Any],
    batch: Batch,
    *,
    failures: list[Failure],
) -> Batch:
    """*batch* with DELETED in the place of the records for which *deleted* is true."""
    answers = call_each(computation, deleted, batch.values, failures=failures)
    values = list(batch.values)
    for place, answer in enumerate(answers):
        if answer is DROPPED:
            continue
        try:
            if answer:
                values[place] = DELETED
        except BaseException as error:  # an answer without a truth value
            fail(computation, batch.values[place], error, failures=failures)
            answers[place] = DROPPED
    if DROPPED not in answers:
        return batch.replace(values)
    return batch.sift([answer is not DROPPED for answer in answers], values)


class Enrich:
    """The operator of the join with a table as it is now; results are pairs (record, row)."""

    def __init__(self, making: Making) -> None:
        spec: EnrichSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._spec = spec
        self._state = making.state
        self._clock, self._wall = making.clock, making.wall
        self._step = max(1, (spec.ttl or 0) // TTL_PARTS)
        self._rows: Reminders[Any] = Reminders()
        self._holds = False
        self._holding = {held for held, row in self._state.by_key.items() if len(row) > 2}
        rows = map(self._state.by_key.__getitem__, self._holding)
        self._arrivals = 1 + max((row[2][-1][0] for row in rows), default=-1)
        if spec.ttl is not None:
            for held, row in self._state.by_key.items():
                if row[0] != MIN_TIME:
                    self._remind(held, row[0])

    def hold(self) -> None:
        """Hold the records of the stream until `on_loaded`."""
        self._holds = True

    def on_loaded(self, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """The pairs of the records that were held: the table has been read.

        They come by their arrival, of which no two have the same: so it takes no sort of them all.
        """
        self._holds = False
        parts: dict[int, list[_Waiting]] = {}
        for pairs in self._held_pairs():
            for pair in pairs:
                parts.setdefault(pair[0] // _SLICE_ROWS, []).append(pair)
            yield self._nothing()
        for number in sorted(parts):
            part = parts.pop(number)
            part.sort(key=itemgetter(0))
            _, values, keys, times = map(list, zip(*part, strict=True))
            yield Batch(values, keys, times=times if self._spec.stamped else None)
        while self._holding:
            count = min(_SLICE_ROWS, len(self._holding))
            self._let_go_of_held([self._holding.pop() for _ in range(count)])
            yield self._nothing()

    def _held_pairs(self) -> Iterator[list[_Waiting]]:
        """The pairs, in lists of a bounded size."""
        by_key, alive, inner = self._state.by_key, self._alive_from(), self._spec.inner
        pairs: list[_Waiting] = []
        for number, held in enumerate(self._holding):
            time, value, waiting = by_key[held]
            met = None if value is DELETED or time < alive else value
            records = iter(waiting if met is not None or not inner else ())
            while some := list(islice(records, _SLICE_ROWS)):
                pairs += [(each[0], (each[1], met), each[3], each[2]) for each in some]
                if len(pairs) >= _SLICE_ROWS:
                    yield pairs
                    pairs = []
            if number % _SLICE_ROWS == _SLICE_ROWS - 1:
                yield pairs
                pairs = []
        yield pairs

    def _hold(self, batch: Batch) -> Batch:
        times: Any = batch.times or [None] * len(batch)
        by_key = self._state.by_key
        fresh: dict[Any, list[Any]] = {}
        columns = zip(canonical_all(batch), batch.values, times, batch.keys or (), strict=True)
        for arrival, (held, value, time, key) in enumerate(columns, self._arrivals):
            fresh.setdefault(held, []).append((arrival, value, time, key))
        self._arrivals += len(batch)
        news: dict[Any, tuple[Any, ...]] = {}
        for held, waiting in fresh.items():
            row = by_key.get(held, _NO_ROW)
            before = row[2] if len(row) > 2 else ()
            news[held] = (*row[:2], (*before, *waiting))
        self._state.put(news)
        self._holding.update(news)
        return self._nothing()

    def _let_go_of_held(self, keys: list[Any]) -> None:
        """The rows of these keys are what they are of the table alone."""
        news: dict[Any, Any] = {}
        empty: list[Any] = []
        for held in keys:
            row = self._state.by_key[held]
            if row[0] == MIN_TIME or (row[1] is DELETED and not self._spec.stamped):
                empty.append(held)
                continue
            news[held] = row[:2]
            if self._spec.ttl is not None:
                self._remind(held, row[0])
        self._state.put(news)
        self._state.delete(empty)

    def _nothing(self) -> Batch:
        return Batch([], [], times=[] if self._spec.stamped else None)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:
        """The pairs of the stream's records, or nothing for those of the table."""
        if self._holding and not self._holds:  # the table had an end in an earlier life, only
            held = list(self.on_loaded(failures))
            return Batch.join([*held, self.on_batch(batch, failures, side)])
        if side == 0:
            return self._hold(batch) if self._holds and batch.values else self._enriched(batch)
        if self._spec.deleted is not None:
            batch = marked_deleted(self._computation, self._spec.deleted, batch, failures=failures)
        self._take(batch)
        return self._nothing()

    def _enriched(self, batch: Batch) -> Batch:
        if not batch.values:
            return batch
        rows = list(map(self._state.by_key.get, canonical_all(batch)))
        alive = self._alive_from()
        met = [
            None if row is None or row[1] is DELETED or row[0] < alive else row[1] for row in rows
        ]
        pairs = list(zip(batch.values, met, strict=True))
        if not self._spec.inner:
            return batch.replace(pairs)
        return batch.sift([each is not None for each in met], pairs)

    def _now(self) -> int:
        return self._clock.time if self._spec.stamped else self._wall()

    def _alive_from(self) -> int:
        """The time of the oldest row that is not yet to be forgotten."""
        return self._now() - self._spec.ttl + 1 if self._spec.ttl is not None else -MAX_TIME - 1

    def _take(self, batch: Batch) -> None:
        if not batch.values:
            return
        held = canonical_all(batch)
        by_key, stamped = self._state.by_key, self._spec.stamped
        times = batch.times if stamped else [self._wall()] * len(held)
        news: dict[Any, tuple[Any, ...]] = {}
        for each, time, value in zip(held, times or (), batch.values, strict=True):
            old = news.get(each) or by_key.get(each)
            if old is None:
                news[each] = (time, value)
            elif not stamped or time >= old[0]:
                news[each] = (time, value, *old[2:])
        if not stamped:
            gone = [each for each, row in news.items() if row[1] is DELETED and len(row) == 2]
            self._state.delete(gone)
            news = {each: row for each, row in news.items() if row[1] is not DELETED or row[2:]}
        self._state.put(news)
        if self._spec.ttl is not None:
            for each, row in news.items():
                self._remind(each, row[0])

    def _remind(self, held: Any, time: int) -> None:
        assert self._spec.ttl is not None
        self._rows.put(-(-(time + self._spec.ttl) // self._step) * self._step, held)

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Forget the rows whose time is over; the end forgets nothing."""
        if self._spec.stamped and time != MAX_TIME:
            yield from self._forget(time)

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """The same for tables without times."""
        if not self._spec.stamped:
            yield from self._forget(now)

    @property
    def wall_due(self) -> int | None:
        """When rows are to be forgotten, by the wall clock."""
        return None if self._spec.stamped else self._rows.next

    def _forget(self, now: int) -> Iterator[Batch]:
        by_key, ttl = self._state.by_key, self._spec.ttl or 0
        for _, items in self._rows.take(now):
            for start in range(0, len(items), _SLICE_ROWS):
                part = [
                    each
                    for each in items[start : start + _SLICE_ROWS]
                    if each in by_key and each not in self._holding
                ]
                over = [by_key[each][0] + ttl <= now for each in part]
                self._state.delete(compress(part, over))
                for each, gone in zip(part, over, strict=True):
                    if not gone:
                        self._remind(each, by_key[each][0])
                yield Batch([], [], times=[] if self._spec.stamped else None)
