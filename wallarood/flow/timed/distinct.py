"""Letting the first record of a key pass, and no other within a span of time."""
# Theory of operation
# ===================
# A key's row is the time of the record that passed; a tuple, in order, if several are near enough
# to matter, which takes records far out of order. A record passes when none of these is nearer
# than `within`. A row is forgotten when the watermark is `within` above it; a record below the
# watermark whose row is not there cannot be told from a repeat, so it is late.
#
# A batch is *plain* if none of its records is late, nor `within` before one that has passed, nor
# that far from another: then a record passes if its key has no row, or one of `within` before. All
# rows are looked up, and those that are missing are put, without a step of Python for each.
#
# Where most records are repeats, the keys that passed lately are in a set as well: their records
# are known for repeats without a look at their times. Keys leave the set before their time is over,
# by generations of a part of `within`, and so do rows: that costs what is forgotten, not what is
# there.

from collections.abc import Iterator
from itertools import chain, compress, islice
from operator import is_
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
FEW_SHARE: Final = 32
"""One record of so many, or fewer, are taken out of a batch one by one."""
_SLICE_ROWS: Final = 1024


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
            lowest = highest = self._wall()
            times = [lowest] * len(held)
        else:
            lowest, highest = min(times), max(times)
        within = self._spec.within
        self._leave(highest - within)
        if lowest <= max(self._latest, highest) - within or lowest < self._now():
            places = self._judge(batch, held, times, failures=failures)
            return batch if len(places) == len(held) else batch.reorder(places)
        bounds = (lowest, highest)
        if not self._sure:
            flags = self._pass(held, times, bounds, among=len(held))
            return batch if flags is None else _sifted(batch, flags)
        sure = self._sure
        places = [place for place, key in enumerate(held) if key not in sure]
        if places:
            held, times = (list(map(each.__getitem__, places)) for each in (held, times))
            flags = self._pass(held, times, bounds, among=len(batch))
            if flags is not None:
                places = list(compress(places, flags))
        return batch.reorder(places)

    def _pass(
        self, held: list[Any], times: list[int], bounds: tuple[int, int], *, among: int
    ) -> bytearray | None:
        """Let those of these records pass that are no repeats; their flags, None if all pass.

        They are of a plain batch of *among* records, the times of which are within *bounds*.
        """
        state, flags, passed = self._state, None, held
        before = len(state.by_key)
        rows = state.put_missing(held, times)
        new = len(state.by_key) - before
        if new < len(held):
            flags = self._new(held, times, rows, count=new)
            passed = list(compress(held, flags))
            state.mark_all(passed)
            far = self._far(held, times, rows, flags=flags)
            state.put(far)
            passed += far
        else:
            state.mark_all(passed)
        if passed:
            lowest, highest = bounds
            if 10 * len(passed) < 9 * among:
                self._be_sure(passed, lowest)
            self._list(passed, highest)
        return flags

    def _new(self, held: list[Any], times: list[int], rows: list[Any], *, count: int) -> bytearray:
        """Flags for the first records of the *count* keys that had no row and have one now."""
        flags = bytearray(map(is_, rows, times))  # what was put is what comes back
        if flags.count(1) > count:
            # Some have the very object for a stamp that others have. New keys are the last ones.
            new = set(islice(reversed(self._state.by_key), count))
            for place, key in enumerate(held):
                flags[place] = key in new
                new.discard(key)
        return flags

    def _far(
        self, held: list[Any], times: list[int], rows: list[Any], *, flags: bytearray
    ) -> dict[Any, Any]:
        """New rows of keys that had one; what passes of the records without a flag gets one."""
        within = self._spec.within
        bound = self._now() - within if self._spec.stamped else MAX_TIME
        news: dict[Any, Any] = {}
        for place in _places_of_zero(flags):
            key, row, time = held[place], rows[place], times[place]
            if time - (row if type(row) is int else row[-1]) < within or key in news:
                continue
            kept = [one for one in _times_of(row) if one > bound]
            news[key] = (*kept, time) if kept else time
            flags[place] = 1
        return news

    def _now(self) -> int:
        return self._clock.time if self._spec.stamped else MIN_TIME

    def _leave(self, until: int) -> None:
        """Take the keys out of the set whose rows are at *until* or before."""
        for _, lists in self._leaving.take(until):
            self._sure.difference_update(*lists)

    def _judge(
        self, batch: Batch, held: list[Any], times: list[int], *, failures: list[Failure]
    ) -> list[int]:
        """The places of the records that pass, judged one by one."""
        within, now, by_key = self._spec.within, self._now(), self._state.by_key
        stamped = self._spec.stamped
        forgotten = now - within
        passed: list[int] = []
        news: dict[Any, Any] = {}
        for place, (each, time) in enumerate(zip(held, times, strict=True)):
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
        bound = now - self._spec.within
        for _, lists in self._going.take(now):
            items = list(chain.from_iterable(lists))
            for start in range(0, len(items), _SLICE_ROWS):
                self._forget_some(items[start : start + _SLICE_ROWS], bound)
                yield Batch([], [], times=[] if self._spec.stamped else None)

    def _forget_some(self, keys: list[Any], bound: int) -> None:
        """Forget the times up to *bound* in the rows of these keys."""
        rows = self._state.pop(keys)
        try:
            if max(rows) <= bound:
                return
        except TypeError:  # one has several times, or was forgotten before
            pass
        kept: dict[Any, Any] = {}
        for key, row in zip(keys, rows, strict=True):
            if type(row) is tuple:
                later = tuple([time for time in row if time > bound])
                if later:
                    kept[key] = later[0] if len(later) == 1 else later
            elif row is not None and row > bound:
                kept[key] = row
        self._state.put(kept)


def _places_of_zero(flags: bytearray) -> Iterator[int]:
    place = flags.find(0)
    while place >= 0:
        yield place
        place = flags.find(0, place + 1)


def _sifted(batch: Batch, flags: bytearray) -> Batch:
    if flags.count(0) <= len(flags) // FEW_SHARE:
        return batch.without(list(_places_of_zero(flags)))
    return batch.sift(flags)


def times_of_keys(step: Step) -> KeyedState:
    """The state of `distinct`: a time, or a tuple of times, for each key."""
    return KeyedState(step.name, tuple)


def _times_of(row: Any) -> tuple[int, ...]:
    return (row,) if type(row) is int else row
