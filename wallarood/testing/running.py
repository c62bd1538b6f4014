"""A stage while it lives: what the task of a stage does, without its waiting."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from wallarood.flow.align import Alignment
from wallarood.flow.compile import Inline, Segment
from wallarood.flow.failures import Failure
from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import Batch, EndOfStream, Mark, Watermark
from wallarood.model.time import MAX_TIME, MIN_TIME
from wallarood.runtime.dataflow.tasks.segments import run_segments
from wallarood.testing.outlets import Outlets
from wallarood.testing.sharing import Witness

WORKER = "test"


@attrs.define(eq=False)
class RunningStage:
    """A stage while it lives."""

    segments: Sequence[Segment]
    witnesses: Sequence[Witness]
    branch: Any
    outlets: Outlets
    alignment: Alignment
    sides: Mapping[int, int]
    source_time: SourceTime | None
    said: Watermark = attrs.field(default=Watermark(MIN_TIME), init=False)

    def hold(self) -> None:
        """Records of a stream wait until a table has been read."""
        segment = self.segments[0]
        assert isinstance(segment, Inline)
        segment.hold()

    async def take(self, edge: int, item: Batch | Mark) -> None:
        """Do with *item* what the task of a stage does."""
        if isinstance(item, Batch):
            failures: list[Failure] = []
            side = self.sides.get(edge, 0)
            self._send(await run_segments(self.segments, item, failures, side=side), failures)
            return
        waited = self.alignment.waits
        marks = self.alignment.take((edge, WORKER), item)
        if waited and not self.alignment.waits:
            await self._draw(lambda segment, failures: segment.loaded(failures))
        for mark in marks:
            if isinstance(mark, EndOfStream):
                if self.source_time is not None:
                    await self._say(self.source_time.tell_end(self.said.time))
                await self.advance(MAX_TIME)
            if isinstance(mark, Watermark):
                await self.advance(mark.time)
            self.outlets.mark(mark)

    async def follow(self, now: int) -> None:
        """Say how far the source has come."""
        if self.source_time is None:
            return
        told = self.source_time.tell_all(now)
        if told and told[-1] != self.said:
            await self._say(told)

    async def _say(self, watermarks: tuple[Watermark, ...]) -> None:
        for watermark in watermarks:
            self.said = watermark
            await self.advance(watermark.time)
            self.outlets.mark(watermark)

    async def advance(self, watermark: int) -> None:
        """Let operators that know time emit what follows from *watermark*."""
        await self._draw(lambda segment, failures: segment.advance(watermark, failures))

    async def look_at_clock(self, now: int) -> None:
        """Let them emit what follows from the wall clock."""
        await self._draw(lambda segment, failures: segment.on_wall(now, failures))

    async def _draw(self, emit: Callable[[Inline, list[Failure]], Iterator[Batch]]) -> None:
        for place, segment in enumerate(self.segments):
            if isinstance(segment, Inline) and segment.timed:
                failures: list[Failure] = []
                for part in emit(segment, failures):
                    rest = self.segments[place + 1 :]
                    self._send(await run_segments(rest, part, failures), failures)
                    failures.clear()
                self.outlets.send_failed(failures)

    def _send(self, done: Batch, failures: list[Failure]) -> None:
        for witness in self.witnesses:
            witness.compare()
        if self.branch is not None:
            done, refused = self.branch(done, failures)
            self.outlets.send(1, refused, failures)
        self.outlets.send(0, done, failures)
        self.outlets.send_failed(failures)

    @property
    def wall_due(self) -> int | None:
        """When something is to happen next though nothing comes; None if nothing is."""
        dues = [each.wall_due for each in self.segments if isinstance(each, Inline)]
        if self.source_time is not None:
            dues.append(self.source_time.wall_due)
        return min((due for due in dues if due is not None), default=None)
