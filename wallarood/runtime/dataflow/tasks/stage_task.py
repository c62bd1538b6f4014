"""The task of a stage instance: takes from its inbox, calls user code, hands on.

Theory of operation
===================
User code runs on the event loop, so a batch is cut into slices that should take no longer than the
time budget; the size of a slice follows what the records before have cost. Between two slices
other tasks run: heartbeats, connections, the operator's questions.

Each slice of what a watermark makes operators emit goes out before the next: a million keys that
fire at once are under the same backpressure as all else, and the watermark follows the last.

A mark goes through `flow.align`, which says which marks pass on. When a barrier passes, the state
here is captured as it is at that moment, and the barrier passes at once; chunks of the capture are
encoded between batches. The end of all inputs ends the task.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import structlog
import trio

from wallarood.flow.align import Alignment
from wallarood.flow.compile import Concurrent, Inline, InThread, Segment, Split
from wallarood.flow.failures import Failure
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.state import State
from wallarood.flow.steps.timed import Wall
from wallarood.model.batch import (
    Barrier,
    Batch,
    EndOfStream,
    Item,
    Loaded,
    Mark,
    Reading,
    Tick,
    Unread,
    Watermark,
)
from wallarood.model.ids import InputId
from wallarood.model.time import MAX_TIME
from wallarood.model.topology import Stage
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.limits import JobLimits, Pace
from wallarood.runtime.dataflow.looks import Looks
from wallarood.runtime.dataflow.outputs import Outputs
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.dataflow.tasks.letters import Letters
from wallarood.runtime.dataflow.tasks.segments import run_segments
from wallarood.runtime.dataflow.tasks.slices import SMALL_SHARE, Slices
from wallarood.runtime.dataflow.tasks.stage_time import StageTime
from wallarood.runtime.timing.clock import wall_clock
from wallarood.runtime.timing.drift import Drift
from wallarood.runtime.timing.preempted import Ran, ran

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class StageTask:
    """Everything that one stage instance needs."""

    stage: Stage
    segments: Sequence[Segment]
    branch: Split | None
    inbox: Inbox
    alignment: Alignment
    outputs: Outputs
    counters: StageCounters
    states: Sequence[State]
    collector: PartCollector
    limits: JobLimits
    batches_at_once: int = 1
    paces: Sequence[Pace] = ()
    """Those of the sources here, if this stage is slow."""
    joined_records_max: int = 0
    """Up to how many records that wait in several inputs are processed as one batch."""
    wall: Wall = wall_clock
    source_time: SourceTime | None = None
    """How far the source has come whose records this stage stamps."""
    drift: Drift | None = None
    """What holds up partitions of that source which are too far ahead."""
    sides: Mapping[int, int] = attrs.field(factory=dict)
    """The number of the input that an edge leads to, where the first step has several."""
    looks: Looks = attrs.field(factory=Looks)
    """What looks at records as they come."""
    _inline: bool = attrs.field(init=False)
    _in_thread: bool = attrs.field(init=False)
    _capturing: int | None = attrs.field(default=None, init=False)
    """The checkpoint whose capture is being encoded."""
    _slices: Slices = attrs.field(init=False)
    _timed: bool = attrs.field(init=False)
    _time: StageTime = attrs.field(init=False)
    _letters: Letters = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._inline = all(isinstance(segment, Inline) for segment in self.segments)
        self._slices = Slices(
            self.stage.name, self.limits, self.counters, self._inline, self.batches_at_once
        )
        # What is awaited may take its time; a thread that does not come back is stuck.
        kinds = set(map(type, self.segments))
        self._in_thread = InThread in kinds and Concurrent not in kinds
        self._timed = self.source_time is not None or any(
            isinstance(each, Inline) and each.timed for each in self.segments
        )
        self._time = StageTime(
            self.source_time, self.drift, self.segments, self.inbox, self.alignment, self.wall
        )
        self._letters = Letters(self.stage.name, self.outputs, self.counters)

    @property
    def called(self) -> str:
        """What this task is called where it is waited for."""
        return f"stage {self.stage.name!r}"

    async def run(self) -> None:
        """Work until all inputs have ended.

        Raises ComputationFailed: user code raised and its `on_error` is to stop.
        """
        if self.alignment.waits:
            log.info("waiting for a table to be loaded", stage=self.stage.name)
            first = self.segments[0]
            assert isinstance(first, Inline)
            first.hold()
        if not self._timed:
            await self._work()
            return
        self._time.wait_for_clock()  # what was restored may wait for a time, though nothing comes
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._time.ticker.run, name=f"{self.called}: time")
            await self._work()
            nursery.cancel_scope.cancel()

    async def _work(self) -> None:
        while True:
            if self._capturing is not None:
                await self._encode_some(self._capturing)
            source, item = await self.inbox.get(self.alignment)
            if isinstance(item, Batch):
                most = self.joined_records_max
                if len(item) < most and not self.sides:
                    item = self.inbox.join_more(item, self.alignment, records_max=most)
                await self.process(item, source)
                if self.inbox.has_some(self.alignment):
                    await trio.lowlevel.checkpoint()  # else `get` waits
            elif await self._take_other(source, item):
                return

    async def _take_other(self, source: InputId, item: Item) -> bool:
        """Take what is no batch; whether it was the end of all inputs."""
        match item:
            case Unread():
                await self._letters.send(item.failures)
            case Reading():
                if self.source_time is not None:
                    self.source_time.tell(item.partition, item.condition)
            case Tick():
                self._time.ticker.taken()
                now = self.wall()
                await self._draw(lambda segment, failures: segment.on_wall(now, failures))
            case Barrier() | Watermark() | Loaded() | EndOfStream():
                waited, marks = self.alignment.waits, self.alignment.take(source, item)
                if waited and not self.alignment.waits:
                    log.info("table loaded: the stream is read now", stage=self.stage.name)
                    await self._draw(lambda segment, failures: segment.loaded(failures))
                for mark in marks:
                    if await self._pass(mark):
                        return True
        if self._timed:
            await self._time_moved()
        return False

    async def _pass(self, mark: Mark) -> bool:
        """Pass *mark* on when it has had its effect here; whether it was the end."""
        if isinstance(mark, Watermark) and self._timed:
            await self._advance(mark.time)
        if isinstance(mark, EndOfStream) and self._timed:
            await self._say(self._time.end())
            await self._advance(MAX_TIME)
        if isinstance(mark, Barrier) and self.collector.begin(mark):
            self.collector.capture_now(self.stage.index)
            self._capturing = mark.number
        self.outputs.mark(mark)
        if not isinstance(mark, EndOfStream):
            return False
        self._capturing = None
        self.collector.stage_ended(self.stage.index)
        return True

    async def _time_moved(self) -> None:
        """Say how far the source has come, if it is time to, and what is waited for."""
        await self._say(self._time.news())
        self._time.moved()

    async def _say(self, watermarks: tuple[Watermark, ...]) -> None:
        for watermark in watermarks:
            await self._advance(watermark.time)
            self.outputs.mark(watermark)

    async def _advance(self, watermark: int) -> None:
        await self._draw(lambda segment, failures: segment.advance(watermark, failures))

    async def _draw(self, emit: Callable[[Inline, list[Failure]], Iterator[Batch]]) -> None:
        """Send what operators that know time *emit*, slice by slice."""
        for place, segment in enumerate(self.segments):
            if not isinstance(segment, Inline) or not segment.timed:
                continue
            failures: list[Failure] = []
            slices = emit(segment, failures)
            while True:
                with self.counters.busy:
                    part = next(slices, None)
                    if part is not None:
                        part = await run_segments(self.segments[place + 1 :], part, failures)
                if part is None:
                    break
                await self._send(*self._split(part, failures), failures)
                failures.clear()
                await trio.lowlevel.checkpoint()
            if failures:
                await self._letters.send(failures)

    async def _encode_some(self, number: int) -> None:
        """Encode the capture for checkpoint *number* until it is whole or there is other work."""
        while True:
            state = next((each for each in self.states if each.capturing), None)
            if state is None:
                self._capturing = None
                self.collector.finish(number, self.stage.index)
                return
            with self.counters.busy:
                state.encode_some()
            await trio.lowlevel.checkpoint()
            if self.inbox.has_some(self.alignment):
                return

    def is_small(self, records: int) -> bool:
        """See `Consumer.is_small`: a small part of the time budget is enough for them."""
        return self._slices.is_small(records)

    async def process(self, batch: Batch, source: InputId) -> None:
        """Pass *batch* through all steps and on, slice by slice.

        Raises ComputationFailed: user code raised and its `on_error` is to stop.
        """
        side = self.sides.get(source[0], 0) if self.sides else 0
        self.looks.look(batch)
        start = 0
        while start < len(batch):
            end = min(start + self._slices.records, len(batch))
            part = batch if end - start == len(batch) else batch.cut(start, end)
            await self._process_slice(part, side)
            start = end
            if start < len(batch):
                await trio.lowlevel.checkpoint()
        if self._timed:
            await self._time_moved()

    async def _process_slice(self, part: Batch, side: int) -> None:
        failures: list[Failure] = []
        began, before = time.perf_counter(), ran() if len(part) > SMALL_SHARE else None
        self.counters.busy.since = began
        self.counters.in_thread_since = began if self._in_thread else None
        self.counters.in_hand = 0 if self._inline else len(part)
        done = await run_segments(self.segments, part, failures, side=side)
        self.counters.in_hand, self.counters.in_thread_since = 0, None
        done, refused = self._split(done, failures)
        self._account(part, time.perf_counter() - began, before, made=len(done))
        await self._send(done, refused, failures)

    def _split(self, done: Batch, failures: list[Failure]) -> tuple[Batch, Batch | None]:
        return (done, None) if self.branch is None else self.branch(done, failures)

    async def _send(self, done: Batch, refused: Batch | None, failures: list[Failure]) -> None:
        """Send the records that leave the stage, and what became of those that failed."""
        self.counters.records_out += len(done)
        await self.outputs.send(0, done, failures)
        if refused is not None:
            self.counters.records_out += len(refused)
            await self.outputs.send(1, refused, failures)
        if failures:
            await self._letters.send(failures)

    def _account(self, part: Batch, took_s: float, before: Ran | None, *, made: int) -> None:
        counters = self.counters
        counters.records_in += len(part)
        counters.busy.seconds += took_s
        counters.busy.since = None
        if not self._inline:
            for pace in self.paces:
                pace.took(self.stage.index, len(part), took_s)
        self._slices.took(len(part), took_s, before, made=made)
