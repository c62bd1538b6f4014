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

from collections.abc import Iterator
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
        self._list(passed)

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """The records of *batch* that pass."""
        if not batch.values:
            return batch
        held = canonical_all(batch)
        times = batch.times if self._spec.stamped else None
        if times is None:
            times = [self._wall()] * len(held)
        lowest = min(times)
        self._leave(max(times) - self._spec.within)
        if lowest > self._latest - self._spec.within and lowest >= self._now():
            known = bytes(map(self._sure.__contains__, held))
            places = list(compress(range(len(held)), known.translate(_NOT)))
        else:
            places = list(range(len(held)))
        passed = self._judge(batch, held, times, places=places, failures=failures)
        if len(passed) == len(held):
            return batch
        return batch.reorder(passed)

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
        places: list[int],
        failures: list[Failure],
    ) -> list[int]:
        """Those of *places* whose records pass."""
        within, now, by_key = self._spec.within, self._now(), self._state.by_key
        stamped = self._spec.stamped
        forgotten = now - within
        passed: list[int] = []
        news: dict[Any, Any] = {}
        listed: dict[int, list[Any]] = {}
        generation, step = None, self._step
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
            if time // step != generation:
                generation = time // step
                listing = listed.setdefault(generation, [])
            listing.append(each)
        self._state.put(news)
        self._list(listed)
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

    def _list(self, passed: dict[int, list[Any]]) -> None:
        """Records of these keys have passed, by the generation of their times."""
        step = self._step
        for generation, keys in passed.items():
            self._leaving.put(generation * step, keys)
            self._going.put((generation + 1) * step + self._spec.within, keys)
            self._sure.update(keys)
        if passed:
            self._latest = max(self._latest, (max(passed) + 1) * step)

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
                gone, shorter = [], {}
                keys = items[start : start + _SLICE_ROWS]
                for each, row in zip(keys, map(by_key.get, keys), strict=True):
                    if type(row) is int:
                        if row <= bound:
                            gone.append(each)
                    elif row is not None:
                        kept = tuple([time for time in row if time > bound])
                        if not kept:
                            gone.append(each)
                        else:
                            shorter[each] = kept[0] if len(kept) == 1 else kept
                self._state.delete(gone)
                self._state.put(shorter)
                yield Batch([], [], times=[] if self._spec.stamped else None)


def times_of_keys(step: Step) -> KeyedState:
    """The state of `distinct`: a time, or a tuple of times, for each key."""
    return KeyedState(step.name, tuple)


def _times_of(row: Any) -> tuple[int, ...]:
    return (row,) if type(row) is int else row
