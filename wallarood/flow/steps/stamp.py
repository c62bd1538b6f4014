"""The operator that gives records their stamps and tells the watermark of them."""

from itertools import compress
from typing import Any

from wallarood.flow.failures import Failure, fail
from wallarood.flow.source_time import SourceTime
from wallarood.flow.stamps import StampError, stamp_of, stamps_of
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.steps.operators import DROPPED, call_each
from wallarood.flow.steps.timed import Making
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Step
from wallarood.model.spans import show_span
from wallarood.model.time import StampsFrom, TimeSettings


class Stamper:
    """The operator of a step that stamps. `watermark` follows what it stamps."""

    def __init__(self, making: Making) -> None:
        settings, state = making.computation.spec, making.state
        assert isinstance(settings, TimeSettings)
        assert isinstance(state, AtOnce)
        assert isinstance(state.of, SourceTime)
        self._computation = making.computation
        self._settings = settings
        self._wall = making.wall
        self._time = state.of

    def on_batch(self, batch: Batch, failures: list[Failure], side: int = 0) -> Batch:  # noqa: ARG002
        """The records with their stamps, without those that have none."""
        if not batch.values:
            return batch.stamp([])
        if self._settings.stamps is StampsFrom.CLOCK:
            return self._observed(batch, self._clocked(batch))
        latest = self._wall() + self._settings.future
        if self._settings.stamps is StampsFrom.SOURCE:
            found: Any = batch.times or [None] * len(batch)
            stamps = stamps_of(found, 1)
        else:
            function = self._computation.function
            found = call_each(self._computation, function, batch.values, failures=failures)
            stamps = stamps_of(found, self._settings.unit)
        if stamps is None or max(stamps) > latest:
            each = self._each(batch, found, latest, failures=failures)
            flags = [stamp is not DROPPED for stamp in each]
            batch, stamps = batch.sift(flags), list(compress(each, flags))
        return self._observed(batch, stamps)

    def _clocked(self, batch: Batch) -> list[int]:
        now, stamps = self._wall(), list[int]()
        for partition, count in batch.runs or [("", len(batch))]:
            stamps += [max(now, self._time.highest(partition))] * count
        return stamps

    def _each(
        self, batch: Batch, found: list[Any], latest: int, *, failures: list[Failure]
    ) -> list[Any]:
        """The stamp of each record, DROPPED in the place of one that is none."""
        unit = 1 if self._settings.stamps is StampsFrom.SOURCE else self._settings.unit
        stamps: list[Any] = []
        for record, each in zip(batch.values, found, strict=True):
            if each is DROPPED:
                stamps.append(DROPPED)
                continue
            try:
                stamp = stamp_of(each, unit)
                if stamp > latest:
                    ahead = show_span(stamp - latest + self._settings.future)
                    raise StampError(
                        f"found {each!r:.100}, {ahead} ahead of the clock of this worker: at most "
                        f"{show_span(self._settings.future)} are allowed (future=)"
                    )
                stamps.append(stamp)
            except Exception as error:
                fail(self._computation, record, error, failures=failures)
                stamps.append(DROPPED)
        return stamps

    def _observed(self, batch: Batch, stamps: list[int]) -> Batch:
        start = 0
        for partition, count in batch.runs or [("", len(batch))]:
            if count:
                self._time.observe(partition, max(stamps[start : start + count]))
            start += count
        return batch.stamp(stamps)


def time_of(step: Step) -> AtOnce:
    """How far the source has come whose records *step* stamps."""
    assert step.computation is not None
    return AtOnce(step.name, SourceTime(step.computation.spec))
