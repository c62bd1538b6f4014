"""The task of a stage instance: takes from its inbox, calls user code, hands on.

Theory of operation
===================
User code runs on the event loop, so a batch is cut into slices that should take no longer than the
time budget; the size of a slice follows what the records before have cost. Between two slices
other tasks run: heartbeats, connections, the operator's questions.

A mark goes through `flow.align`, which says which marks pass on. When a barrier passes, the state
here is captured as it is at that moment, and the barrier goes on at once; chunks of the capture are
encoded between batches. The end of all inputs ends the task.
"""

import math
import time
from collections.abc import Callable, Sequence

import attrs
import structlog
import trio

from wallarood.flow.align import Alignment
from wallarood.flow.compile import Concurrent, Inline, InThread, Segment
from wallarood.flow.failures import Failure
from wallarood.flow.state import State
from wallarood.model.batch import Barrier, Batch, EndOfStream, Unread
from wallarood.model.pipeline import LATE_LETTERS_OUTPUT, DeadLetter, ErrorPolicy
from wallarood.model.topology import Stage
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.limits import JobLimits, Pace
from wallarood.runtime.dataflow.outputs import Outputs
from wallarood.runtime.dataflow.segments import run_segments
from wallarood.runtime.dataflow.snapshots import Snapshots

OVERRUN_S = 1.0
SMALL_SHARE = 16
SKIPPED_INTERVAL_S = 1.0

log = structlog.get_logger(__name__)

Split = Callable[[Batch, list[Failure]], tuple[Batch, Batch]]


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
    snapshots: Snapshots
    limits: JobLimits
    batches_at_once: int = 1
    paces: Sequence[Pace] = ()
    """Those of the sources here, if this stage is slow."""
    joined_records_max: int = 0
    """Up to how many records that wait in several inputs are processed as one batch."""
    _inline: bool = attrs.field(init=False)
    _in_thread: bool = attrs.field(init=False)
    _capturing: int | None = attrs.field(default=None, init=False)
    """The checkpoint whose capture is being encoded."""
    _slice_records: int = attrs.field(default=16, init=False)
    _skipped_unsaid: int = attrs.field(default=0, init=False)
    _skipped_said_at: float = attrs.field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self._inline = all(isinstance(segment, Inline) for segment in self.segments)
        # What is awaited may take its time; a thread that does not come back is stuck.
        kinds = set(map(type, self.segments))
        self._in_thread = InThread in kinds and Concurrent not in kinds

    @property
    def called(self) -> str:
        """What this task is called where it is waited for."""
        return f"stage {self.stage.name!r}"

    async def run(self) -> None:
        """Work until all inputs have ended.

        Raises ComputationFailed: user code raised and its `on_error` is to stop.
        """
        while True:
            if self._capturing is not None:
                await self._encode_some(self._capturing)
            source, item = await self.inbox.get(self.alignment)
            if isinstance(item, Batch):
                most = self.joined_records_max
                if len(item) < most:
                    item = self.inbox.join_more(item, self.alignment, records_max=most)
                await self.process(item)
                if self.inbox.has_some(self.alignment):
                    await trio.lowlevel.checkpoint()  # else `get` waits
                continue
            if isinstance(item, Unread):
                await self._report(item.failures)
                continue
            for mark in self.alignment.take(source, item):
                if isinstance(mark, Barrier) and self.snapshots.begin(mark):
                    self.snapshots.capture_now(self.stage.index)
                    self._capturing = mark.number
                self.outputs.mark(mark)
                if isinstance(mark, EndOfStream):
                    self._capturing = None
                    self.snapshots.stage_ended(self.stage.index)
                    return

    async def _encode_some(self, number: int) -> None:
        """Encode the capture for checkpoint *number* until it is whole or there is other work."""
        while True:
            state = next((each for each in self.states if each.capturing), None)
            if state is None:
                self._capturing = None
                self.snapshots.finish(number, self.stage.index)
                return
            state.encode_some()
            await trio.lowlevel.checkpoint()
            if self.inbox.has_some(self.alignment):
                return

    def is_small(self, records: int) -> bool:
        """See `Consumer.is_small`: a small part of the time budget is enough for them."""
        return self._inline and records * SMALL_SHARE <= self._slice_records

    async def process(self, batch: Batch) -> None:
        """Pass *batch* through all steps and on, slice by slice.

        Raises ComputationFailed: user code raised and its `on_error` is to stop.
        """
        start = 0
        while start < len(batch):
            end = min(start + self._slice_records, len(batch))
            part = batch if end - start == len(batch) else batch.cut(start, end)
            await self._process_slice(part)
            start = end
            if start < len(batch):
                await trio.lowlevel.checkpoint()

    async def _process_slice(self, part: Batch) -> None:
        failures: list[Failure] = []
        began = time.perf_counter()
        self.counters.in_thread_since = began if self._in_thread else None
        self.counters.in_hand = 0 if self._inline else len(part)
        done = await run_segments(self.segments, part, failures)
        self.counters.in_hand = 0
        self.counters.in_thread_since = None
        refused = None
        if self.branch is not None:
            done, refused = self.branch(done, failures)
        self._account(part, time.perf_counter() - began)
        self.counters.records_out += len(done)
        await self.outputs.send(0, done, failures)
        if refused is not None:
            self.counters.records_out += len(refused)
            await self.outputs.send(1, refused, failures)
        if failures:
            await self._report(failures)

    def _account(self, part: Batch, took_s: float) -> None:
        self.counters.records_in += len(part)
        self.counters.busy_s += took_s
        most = self.limits.source.batch_records_max * self.batches_at_once
        if not self._inline:
            self._slice_records = most
            for pace in self.paces:
                pace.took(self.stage.index, len(part), took_s)
            return
        fitting = int(self.limits.time_budget_s / max(took_s, 1e-9) * len(part))
        self._slice_records = max(1, min(fitting, self._slice_records * 4, most))
        if took_s > OVERRUN_S:
            self.counters.overruns += 1
            log.warning(
                f"user code blocked the event loop for {took_s:.1f} s; set blocking=True to run it "
                "in a thread",
                stage=self.stage.name,
                records=len(part),
            )

    async def _report(self, failures: Sequence[Failure]) -> None:
        for each in failures:
            if each.late:
                count = 1 if each.batch is None else len(each.batch)
                self.counters.late[each.late] = self.counters.late.get(each.late, 0) + count
            if each.batch is not None:
                await self.outputs.send_late(each.letter.computation, each.batch)
        dead = [each for each in failures if each.policy is ErrorPolicy.DEAD_LETTER]
        letters = [each.letter for each in dead if not each.late]
        skipped = [each.letter for each in failures if each.policy is ErrorPolicy.SKIP]
        self.counters.dead_letters += len(dead)
        self.counters.skipped += len(skipped)
        if skipped:
            self._log_skipped(skipped[0], len(skipped))
        if letters:
            await self.outputs.send_letters(letters)
        if len(letters) < len(dead):
            late = [each.letter for each in dead if each.late]
            await self.outputs.send_letters(late, LATE_LETTERS_OUTPUT)

    def _log_skipped(self, first: DeadLetter, count: int) -> None:
        """One line a second at most, with the number since the line before and an example."""
        self._skipped_unsaid += count
        now = time.monotonic()
        if now - self._skipped_said_at < SKIPPED_INTERVAL_S:
            return
        log.warning(
            "records skipped",
            count=self._skipped_unsaid,
            computation=first.computation,
            error=first.error,
            where=f"{first.file}:{first.line}",
            record=first.record,
        )
        self._skipped_unsaid, self._skipped_said_at = 0, now
