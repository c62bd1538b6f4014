"""Windows whose bounds the clock says: tumbling, hopping, and those of a calendar."""
# Theory of operation
# ===================
# A batch is cut by panes; mostly it lies in one or two of them, and goes there as a whole. When the
# watermark reaches the end of a window, the rows of its panes are merged and emitted, slice by
# slice. A pane is dropped when its last window is beyond its grace.
#
# Whether a window has closed follows from the watermark, which is in the checkpoint: nothing is
# kept of it, and a window that has closed does not open again after a recovery.

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import compress, filterfalse, repeat
from operator import lt
from typing import Any, Final

from wallarood.flow.failures import Failure
from wallarood.flow.keys import hold_all
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.steps.timed import Making
from wallarood.flow.windows.changes import Changes
from wallarood.flow.windows.gathering import gathering_of
from wallarood.flow.windows.panes import panes_of
from wallarood.flow.windows.part import Part
from wallarood.flow.windows.results import Results, before, in_slices, nothing
from wallarood.model.batch import Batch
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.model.timing.windows import Emit, Extent, Pane, WindowSpec

CUTS_MAX: Final = 4
"""In how many panes a batch may be for each to be cut out of it as a whole."""
FEW_SHARE: Final = 16
"""One record of so many, or fewer, are picked out of a batch one by one."""
_NOT: Final = bytes([1, 0]) + bytes(254)


class AlignedWindows:
    """The operator of windows with panes, on a `BucketState`."""

    def __init__(self, making: Making) -> None:
        self._spec: WindowSpec = making.computation.spec
        assert isinstance(making.state, BucketState)
        self._state = making.state
        self._clock, wall = making.clock, making.wall
        self._clock.grace = self._spec.grace
        self._gathering = gathering_of(making.computation)
        self._results = Results(making.computation, self._gathering)
        self._panes = panes_of(self._spec.windows)
        self._due: list[tuple[int, int]] = []
        """Ends and starts of windows that have not closed: a heap."""
        self._listed: set[Extent] = set()
        self._going: list[tuple[int, Extent]] = []
        """When a pane is to be dropped: a heap."""
        self._changes: Changes[Extent, dict[Any, None]] = Changes(wall, self._spec.emit_every)
        """Keys of open windows."""
        self._judged_at: int | None = None
        self._open_from = MIN_TIME
        for pane, rows in list(self._state.buckets.items()):
            self._list(pane)
            if self._spec.emit is Emit.EVERY:
                self._note_changed(pane, rows)

    def _list(self, pane: Extent) -> None:
        windows = self._panes.windows(pane)
        for window in windows:
            if window[1] > self._clock.time and window not in self._listed:
                self._listed.add(window)
                heappush(self._due, (window[1], window[0]))
        heappush(self._going, (windows[-1][1] + self._spec.grace, pane))

    # ---- records ---------------------------------------------------------------------------------

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """Take the records in; what windows say of it at once, by `emit` and `grace`."""
        times = batch.times
        if not times:
            return nothing()
        lowest = min(times)
        if lowest < self._open_since():
            batch = self._in_time(batch, failures)
        batch, columns = self._gathering.columns(batch, failures)
        if batch.times is not times:
            times = batch.times
            if not times:
                return nothing()
            lowest = min(times)
        part = Part(hold_all(batch), batch.values, times, columns)
        touched: dict[Extent, Iterable[Any]] = {}
        for pane, own in self._cut(part, lowest):
            touched[pane] = self._add(pane, own, failures)
        if self._spec.corrects:
            return self._say(touched, failures)
        return nothing()

    def _in_time(self, batch: Batch, failures: list[Failure]) -> Batch:
        """*batch* without records all of whose windows are beyond their grace."""
        flags = before(batch.times or [], self._open_since())
        gone = batch.sift(flags)
        windows = (f"the window up to {self._last_end(time)}" for time in gone.times or ())
        self._results.late(gone, windows, watermark=self._clock.time, failures=failures)
        return batch.sift(flags.translate(_NOT))

    def _open_since(self) -> int:
        """The first time that is in a window which is not beyond its grace."""
        now = self._clock.time
        if now != self._judged_at:
            self._judged_at = now
            at_an_end = now in (MIN_TIME, MAX_TIME)
            self._open_from = now if at_an_end else self._panes.first_open(self._clock.bound)
        return self._open_from

    def _last_end(self, time: int) -> int:
        return self._panes.windows(self._panes.pane(time))[-1][1]

    def _cut(self, part: Part, lowest: int) -> Iterator[tuple[Extent, Part]]:
        """The panes that *part* lies in, and what of it each has, from the first to the last.

        Its first record is of the time *lowest*.
        """
        times: list[int] = part.times or []
        last = max(times)
        pane = self._panes.pane(lowest)
        for _ in range(CUTS_MAX):
            if last < pane[1]:
                yield pane, part
                return
            own, part = _cut_before(part, times, pane[1])
            yield pane, own
            pane = self._panes.pane(pane[1])
            if last >= pane[1]:
                times = part.times or []
                pane = self._panes.pane(min(times))
        times = part.times or []
        places: dict[Extent, list[int]] = {}
        for place, time in enumerate(times):
            if not pane[0] <= time < pane[1]:
                pane = self._panes.pane(time)
            places.setdefault(pane, []).append(place)
        for pane in sorted(places):
            yield pane, part.pick(places[pane])

    def _add(self, pane: Extent, part: Part, failures: list[Failure]) -> Iterable[Any]:
        state = self._state
        if pane not in state.buckets:
            self._list(pane)
        state.touch(pane, part.held)
        touched = self._gathering.add(state.mark(pane, ()), part, failures)
        state.mark(pane, touched)
        return touched

    # ---- results before and after the end --------------------------------------------------------

    def _say(self, touched: dict[Extent, Iterable[Any]], failures: list[Failure]) -> Batch:
        """Results of windows that are open or in their grace, of the keys that have changed."""
        now, bound = self._clock.time, self._clock.bound
        windows: dict[Extent, dict[Any, None]] = {}
        for pane, keys in touched.items():
            if self._spec.emit is Emit.EVERY:
                self._note_changed(pane, keys)
            for window in self._panes.windows(pane):
                if bound < window[1] <= now or (
                    window[1] > now and self._spec.emit is Emit.UPDATES
                ):
                    windows.setdefault(window, {}).update(dict.fromkeys(keys))
        said = [
            self._of(
                window,
                list(windows[window]),
                "late" if window[1] <= now else "early",
                failures=failures,
            )
            for window in sorted(windows)
        ]
        return Batch.join(said) if said else nothing()

    def _note_changed(self, pane: Extent, keys: Iterable[Any]) -> None:
        for window in self._panes.windows(pane):
            if window[1] > self._clock.time:
                self._changes.since.setdefault(window, {}).update(dict.fromkeys(keys))
                self._changes.noted()

    @property
    def wall_due(self) -> int | None:
        """When windows that have changed say so on the wall clock."""
        return self._changes.due

    def on_wall(self, now: int, failures: list[Failure]) -> Iterator[Batch]:  # noqa: ARG002
        """What has changed in windows that are open."""
        changed = self._changes.take()
        for window in sorted(changed):
            for keys in in_slices(changed[window]):
                yield self._of(window, keys, "early", failures=failures)

    def _of(self, window: Extent, keys: list[Any], pane: Pane, *, failures: list[Failure]) -> Batch:
        """Results of *keys*, each of which has a row in *window*."""
        state = self._state
        if window in state.buckets:
            if self._gathering.in_place:  # what is handed out, others may change
                state.touch(window, keys)
            rows: Iterable[Any] = map(state.rows(window).__getitem__, keys)
        else:
            panes = [
                state.rows(each) for each in self._panes.panes(window) if each in state.buckets
            ]
            merged = self._merged(window, keys, panes, failures=failures)
            keys, rows = list(merged), merged.values()
        return self._results.of_window(window, keys, rows, pane=pane, failures=failures)

    def _merged(
        self, window: Extent, keys: list[Any], panes: list[Any], *, failures: list[Failure]
    ) -> dict[Any, Any]:
        try:
            return self._gathering.merge(keys, panes)
        except BaseException as error:
            if len(keys) == 1:
                self._results.fail(window, keys[0], error, failures=failures)
                return {}
        # It failed for one of them: for which?
        return {
            key: row
            for each in keys
            for key, row in self._merged(window, [each], panes, failures=failures).items()
        }

    # ---- the end ---------------------------------------------------------------------------------

    def on_watermark(self, time: int, failures: list[Failure]) -> Iterator[Batch]:
        """The results of windows that end at *time* or before, and let go of what is over."""
        while self._due and self._due[0][0] <= time:
            end, start = heappop(self._due)
            window = (start, end)
            self._listed.discard(window)
            self._changes.forget(window)
            yield from self._close(window, failures)
            yield from self._drop(end)
        yield from self._drop(time)

    def _close(self, window: Extent, failures: list[Failure]) -> Iterator[Batch]:
        earlier: list[Mapping[Any, Any]] = []
        for pane in self._panes.panes(window):
            rows = self._state.rows(pane)
            if pane == window:
                for keys, own in zip(in_slices(rows), in_slices(rows.values()), strict=True):
                    if self._gathering.in_place:
                        self._state.touch(window, keys)
                    yield self._results.of_window(
                        window, keys, own, pane="on_time", failures=failures
                    )
                return
            for keys in in_slices(rows):
                for other in earlier:
                    keys = list(filterfalse(other.__contains__, keys))  # noqa: PLW2901
                    if not keys:
                        break
                if keys:
                    yield self._of(window, keys, "on_time", failures=failures)
            if rows:
                earlier.append(rows)

    def _drop(self, time: int) -> Iterator[Batch]:
        """Let go of panes whose last window is over at *time*, in slices."""
        while self._going and self._going[0][0] <= time:
            self._state.let_go(heappop(self._going)[1])
        while self._state.free_some():
            yield nothing()


def _cut_before(part: Part, times: list[int], bound: int) -> tuple[Part, Part]:
    """The records of *part*, which has these *times*, from before *bound*, and the others."""
    places = list(compress(range(len(times)), map(lt, times, repeat(bound))))
    if len(places) <= len(times) // FEW_SHARE:
        return part.pick(places), part.without(places)
    flags = before(times, bound)
    return part.sift(flags), part.sift(flags.translate(_NOT))
