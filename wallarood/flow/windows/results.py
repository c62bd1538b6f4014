"""Results of windows, in batches of a bounded size, and records that came too late for any."""

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice, repeat
from operator import lt
from typing import Any, Final, TypeAlias

from wallarood.flow.failures import Failure, fail, late, late_stream, pass_on
from wallarood.flow.keys import original, originals
from wallarood.flow.windows.gathering import Gathering
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, ErrorPolicy
from wallarood.model.timing.windows import Extent, Pane, Windowed, WindowSpec

Result: TypeAlias = tuple[Any, Extent, Any, Pane, tuple[Extent, ...]]
"""A key as it is held, its window, its row, when it is said, and what it replaces."""


class AtTheEnd(Enum):
    """The type of `AT_THE_END`."""

    AT_THE_END = "at the end"


AT_THE_END: Final = AtTheEnd.AT_THE_END
"""In the place of stamps: each result has the last one that its window has."""
Stamps: TypeAlias = list[int] | AtTheEnd | None

RESULTS_MAX: Final = 1024
"""How many results make a slice of what closes at once."""


def in_slices(items: Iterable[Any]) -> Iterator[list[Any]]:
    """*items* in lists of a bounded size."""
    waiting = iter(items)
    while found := list(islice(waiting, RESULTS_MAX)):
        yield found


class Results:
    """Makes the results of *computation*, of rows that come about by *gathering*."""

    def __init__(self, computation: Computation, gathering: Gathering) -> None:
        self._computation = computation
        self._gathering = gathering
        self._spec: WindowSpec = computation.spec

    def of_window(
        self,
        window: Extent,
        keys: list[Any],
        rows: Iterable[Any],
        *,
        pane: Pane,
        failures: list[Failure],
    ) -> Batch:
        """The results of *keys* in *window*, which have these *rows*."""
        start, end = window
        rows = list(rows)
        try:
            values = self._gathering.values(rows)
        except BaseException as error:
            pass_on(error)
            keys, values = self._valued(window, keys, rows, failures=failures)
        keys = originals(keys)
        made = map(Windowed, keys, repeat(start), repeat(end), values, repeat(pane))
        return Batch(list(made), keys, times=[end - 1] * len(keys))

    def _valued(
        self, window: Extent, keys: list[Any], rows: list[Any], *, failures: list[Failure]
    ) -> tuple[list[Any], list[Any]]:
        """One by one, without those of which nothing can be said."""
        found, values = [], []
        for key, row in zip(keys, rows, strict=True):
            try:
                values.append(self._gathering.value(row))
            except BaseException as error:
                self.fail(window, key, error, failures=failures)
            else:
                found.append(key)
        return found, values

    def of_each(
        self, found: "list[Result]", failures: list[Failure], *, stamps: Stamps = AT_THE_END
    ) -> Batch:
        """The results of rows each of which has a window of its own, with these *stamps*."""
        if not found:
            return Batch([], [], times=None if stamps is None else [])
        held, windows, rows, panes, replaces = map(list, zip(*found, strict=True))
        try:
            values = self._gathering.values(rows)
        except BaseException as error:
            pass_on(error)
            return self._one_by_one(found, failures, stamps=stamps)
        keys = originals(held)
        starts, ends = zip(*windows, strict=True)
        times = [end - 1 for end in ends] if stamps is AT_THE_END else stamps
        return Batch(
            list(map(Windowed, keys, starts, ends, values, panes, replaces)), keys, times=times
        )

    def _one_by_one(
        self, found: "list[Result]", failures: list[Failure], *, stamps: Stamps
    ) -> Batch:
        done: list[Windowed[Any, Any]] = []
        times: list[int] = []
        own = [window[1] - 1 for _, window, _, _, _ in found] if stamps is AT_THE_END else stamps
        for place, (key, window, row, pane, replaces) in enumerate(found):
            try:
                value = self._gathering.value(row)
            except BaseException as error:
                self.fail(window, key, error, failures=failures)
            else:
                done.append(Windowed(original(key), *window, value, pane, replaces))
                if own is not None:
                    times.append(own[place])
        return Batch(list(done), [each.key for each in done], times=None if own is None else times)

    def fail(
        self, window: Extent, key: Any, error: BaseException, *, failures: list[Failure]
    ) -> None:
        """The result of a key in *window* cannot be made. Raises as `flow.failures.fail`."""
        fail(self._computation, (original(key), *window), error, failures=failures)

    def late(
        self, batch: Batch, windows: Iterable[str], *, watermark: int, failures: list[Failure]
    ) -> None:
        """All records of *batch* came too late; beside them the *windows* that they were for.

        Raises ComputationFailed: the policy is to stop.
        """
        cause = self._spec.windows.kind.value
        if self._spec.on_late is ErrorPolicy.STREAM:
            late_stream(self._computation, batch, cause, failures=failures)
            return
        columns = zip(batch.values, batch.keys or (), batch.times or (), windows, strict=True)
        for value, key, time, which in columns:
            late(
                self._computation,
                self._spec.on_late,
                value,
                key=key,
                stamp=time,
                watermark=watermark,
                windows=which,
                cause=cause,
                failures=failures,
            )


def before(times: list[int], bound: int) -> bytes:
    """A flag for each of *times*: whether it is before *bound*."""
    return bytes(map(lt, times, repeat(bound)))


def nothing() -> Batch:
    """No results."""
    return Batch([], [], times=[])
