"""Letting the first record of a key pass, and no other within a span of time."""
# Theory of operation
# ===================
# A key's row is the time of the record that passed; a tuple, in order, if several are near enough
# to matter, which takes records far out of order. A record passes when none of these is nearer
# than `within`. A row is forgotten when the watermark is `within` above it; a record below the
# watermark whose row is not there cannot be told from a repeat, so it is late.
#
# Most records are repeats, so the keys that passed lately are in a set as well: their records
# are known for repeats without a look at their times. Keys leave the set before their time is over,
# by generations of a part of `within`, and so do rows: that costs what is forgotten, not what is
# there.

from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Any, Final

from wallarood.flow.failures import Failure, late
from wallarood.flow.keys import canonical_all
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.steps.timed import Making
from wallarood.flow.timed.agenda import Agenda
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Step
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.computations import DistinctSpec

PARTS: Final = 64
_SLICE_ROWS: Final = 1024
_NOT: Final = bytes([1]) + bytes(255)
"""What `bytes.translate` makes 1 of 0 with, and 0 of all else."""


class Distinct:
    """The operator of `distinct`."""

    def __init__(self, making: Making) -> None:
        spec: DistinctSpec = making.computation.spec
        assert isinstance(making.state, KeyedState)
        self._computation = making.computation
        self._spec = spec
        self._state = making.state
        self._clock, self._wall = making.clock, making.wall
        self._step = max(1, spec.within // PARTS)
        self._sure: set[Any] = set()
        """Keys of which every record now is a repeat."""
        self._latest = MIN_TIME
        self._leaving: Agenda[list[Any]] = Agenda()
        """Lists of keys by the time from which they are not sure any more."""
        self._going: Agenda[list[Any]] = Agenda()
        """Lists of keys by the time at which their rows may be forgotten."""
        passed: dict[int, list[Any]] = {}
        for held, row in self._state.by_key.items():
            for time in _times_of(row):
                passed.setdefault(time // self._step, []).append(held)
        for part, keys in passed.items():
            self._be_sure(keys, part * self._step)
            self._list(keys, (part + 1) * self._step - 1)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """The records of *batch* that pass."""
        if not batch.values:
            return batch
        held = canonical_all(batch)
        times = batch.times if self._spec.stamped else None
        if times is None:
            times = [self._wall()] * len(held)
        lowest, highest, within = min(times), max(times), self._spec.within
        self._leave(highest - within)
        passed: list[int] | None = None
        places: Sequence[int] = range(len(held))
        if lowest > max(self._latest, highest) - within and lowest >= self._now():
            if self._sure:
                known = bytes(map(self._sure.__contains__, held))
                places = list(compress(places, known.translate(_NOT)))
            if len(places) > len(held) // 2:
                passed = self._quickly(held, times, places)
        if passed is None:
            passed = self._judge(batch, held, times, places=places, failures=failures)
        if len(passed) == len(held):
            return batch
        return batch.reorder(passed)

    def _quickly(
        self, held: list[Any], times: list[int], places: Sequence[int]
    ) -> list[int] | None:
        """Those of *places* whose records pass; None if they are to be judged one by one.

        None of them is late, nor `within` before one that has passed, nor that far from another.
        """
        count = len(held)
        if len(places) < count:
            held, times = (list(map(each.__getitem__, places)) for each in (held, times))
        columns: list[list[Any]] = [list(places), held, times]
        rows = list(map(self._state.by_key.get, columns[1]))
        earlier: dict[Any, int] = {}
        if rows.count(None) < len(rows):
            near = self._near(rows, columns[1], columns[2], earlier=earlier)
            if near is None:
                return None
            if near:
                flags = _flags_without(near, len(rows))
                columns = [list(compress(each, flags)) for each in columns]
        passed, held, times = columns
        if not held:
            return passed
        news: dict[Any, Any] = dict(zip(held, times, strict=True))
        if len(news) < len(held):
            # Of several records of a key the first passes, and the others are near it.
            news, chosen = {}, []
            for place, each in enumerate(held):
                if each not in news:
                    news[each] = times[place]
                    chosen.append(place)
            passed = list(map(passed.__getitem__, chosen))
            held, times = list(news), list(news.values())
        lowest, highest = min(times), max(times)
        for key, time in earlier.items():
            news[key] = (time, news[key])
        self._state.put(news)
        if 10 * len(held) < 9 * count:
            self._be_sure(held, lowest)
        self._list(held, highest)
        return passed

    def _near(
        self, rows: list[Any], held: list[Any], times: list[int], *, earlier: dict[Any, int]
    ) -> list[int] | None:
        """The places of records that are near the time in their row; None if a row has several.

        Those that are far from it go into *earlier*, if one that is not late may be near it.
        """
        within = self._spec.within
        bound = self._now() - within if self._spec.stamped else MAX_TIME
        near = []
        for place, row in enumerate(rows):
            if row is None:
                continue
            if type(row) is tuple:
                return None
            if times[place] - row < within:
                near.append(place)
            elif row > bound:
                earlier[held[place]] = row
        return near

    def _now(self) -> int:
        return self._clock.time if self._spec.stamped else MIN_TIME

    def _leave(self, until: int) -> None:
        """Take the keys out of the set whose rows are at *until* or before."""
        for _, lists in self._leaving.take(until):
            self._sure.difference_update(*lists)

    def _judge(
        self,
        batch: Batch,
        held: list[Any],
        times: list[int],
        *,
        places: Sequence[int],
        failures: list[Failure],
    ) -> list[int]:
        """Those of *places* whose records pass, judged one by one."""
        within, now, by_key = self._spec.within, self._now(), self._state.by_key
        stamped = self._spec.stamped
        forgotten = now - within
        passed: list[int] = []
        news: dict[Any, Any] = {}
        for place in places:
            each, time = held[place], times[place]
            row = news.get(each)
            if row is None:
                row = by_key.get(each)
            if row is not None:
                if type(row) is int:
                    if row > forgotten and -within < time - row < within:
                        continue
                elif any(one > forgotten and -within < time - one < within for one in row):
                    continue
            if time < now:
                self._late(batch, place, failures)
                continue
            passed.append(place)
            bound = forgotten if stamped else time - within
            if row is not None and (kept := [one for one in _times_of(row) if one > bound]):
                news[each] = tuple(sorted((*kept, time)))
            else:
                news[each] = time
        if passed:
            self._state.put(news)
            own = list(map(times.__getitem__, passed))
            self._be_sure(list(news), min(own))
            self._list(list(news), max(own))
        return passed

    def _late(self, batch: Batch, place: int, failures: list[Failure]) -> None:
        assert batch.keys is not None
        assert batch.times is not None
        late(
            self._computation,
            self._spec.on_late,
            batch.values[place],
            key=batch.keys[place],
            stamp=batch.times[place],
            watermark=self._clock.time,
            windows="what has passed since its time",
            cause="distinct",
            failures=failures,
        )

    def _be_sure(self, keys: list[Any], lowest: int) -> None:
        """Records of these keys have passed, at *lowest* or later: others are repeats for now."""
        self._leaving.put(lowest // self._step * self._step, keys)
        self._sure.update(keys)

    def _list(self, keys: list[Any], highest: int) -> None:
        """Records of these keys have passed, at *highest* or before."""
        step = self._step
        self._going.put((highest // step + 1) * step + self._spec.within, keys)
        self._latest = max(self._latest, highest)

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """Forget the keys whose time is over; the end forgets nothing."""
        if self._spec.stamped and time != MAX_TIME:
            yield from self._forget(time)

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """The same for records without times."""
        if not self._spec.stamped:
            yield from self._forget(now)

    @property
    def wall_due(self) -> int | None:
        """When keys are to be forgotten, by the wall clock."""
        return None if self._spec.stamped else self._going.next

    def _forget(self, now: int) -> Iterator[Batch]:
        self._leave(now - self._spec.within)
        by_key, bound = self._state.by_key, now - self._spec.within
        for _, lists in self._going.take(now):
            items = list(chain.from_iterable(lists))
            for start in range(0, len(items), _SLICE_ROWS):
                keys = items[start : start + _SLICE_ROWS]
                rows = list(map(by_key.get, keys))
                try:
                    gone = [
                        key
                        for key, row in zip(keys, rows, strict=True)
                        if row is not None and row <= bound
                    ]
                except TypeError:  # a row has several times
                    gone = self._shorten(keys, rows, bound)
                self._state.delete(gone)
                yield Batch([], [], times=[] if self._spec.stamped else None)

    def _shorten(self, keys: list[Any], rows: list[Any], bound: int) -> list[Any]:
        """Forget the times up to *bound* of rows with several; the keys that have no other."""
        gone: list[Any] = []
        shorter: dict[Any, Any] = {}
        for key, row in zip(keys, rows, strict=True):
            if type(row) is tuple:
                kept = tuple([time for time in row if time > bound])
                if kept:
                    shorter[key] = kept[0] if len(kept) == 1 else kept
                    continue
            elif row is None or row > bound:
                continue
            gone.append(key)
        self._state.put(shorter)
        return gone


def _flags_without(places: list[int], count: int) -> bytearray:
    flags = bytearray(b"\1") * count
    for place in places:
        flags[place] = 0
    return flags


def times_of_keys(step: Step) -> KeyedState:
    """The state of `distinct`: a time, or a tuple of times, for each key."""
    return KeyedState(step.name, tuple)


def _times_of(row: Any) -> tuple[int, ...]:
    return (row,) if type(row) is int else row
