"""The data flow of one worker in one round: its inboxes, and a task for each instance.

`wallarood.runtime.dataflow.build.job` makes everything from the topology; `Job.run` is the lifetime
of the tasks. All marks and records of other workers come in by `Job.inbox`, so connections need not
know what runs here.
"""

from collections.abc import Callable, Mapping

import attrs
import structlog
import trio

from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import SourcePosition
from wallarood.model.errors import errors_in
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.dataflow.tasks.sink_task import SinkTask
from wallarood.runtime.dataflow.tasks.source_task import SourceTask
from wallarood.runtime.dataflow.tasks.stage_task import StageTask

log = structlog.get_logger(__name__)


POSITIONS_MAX = 64
"""Of how many checkpoints that are not known committed the positions are kept."""


@attrs.define(eq=False)
class Job:
    """All instances of one worker. `counters` are by stage index, `sources` by step name."""

    wiring: Wiring
    gate: Gate
    inboxes: Mapping[int, Inbox]
    counters: Mapping[int, StageCounters]
    sources: dict[str, SourceTask]
    stages: list[StageTask]
    sinks: list[SinkTask]
    collector: PartCollector
    drained: bool = attrs.field(default=False, init=False)
    positions: dict[int, list[SourcePosition]] = attrs.field(factory=dict, init=False)
    on_published: Callable[[int], None] = attrs.field(default=lambda _: None, init=False)
    """Called with a checkpoint when all sinks here have published what it holds."""
    _published: int = attrs.field(default=0, init=False)
    _forgetting: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    def stuck(self, now: float, blocking_call_s: float) -> str:
        """Which stage has been in one call in a thread for too long; empty if none has."""
        for stage in self.stages:
            since = stage.counters.in_thread_since
            if since is not None and now - since > blocking_call_s:
                return f"stage {stage.stage.name} has been in one call for {now - since:.0f} s"
        return ""

    @property
    def records_read(self) -> int:
        """How many records the sources here have read."""
        return sum(
            counters.records
            for each in self.sources.values()
            for counters in each.partitions.values()
        )

    def watermark(self, stage: int) -> int:
        """How far event time has come at the instance of *stage* here; MIN_TIME if unknown."""
        for task in self.stages:
            if task.stage.index == stage:
                time = task.source_time
                return task.alignment.watermark.time if time is None else time.watermark
        return next(each.alignment.watermark.time for each in self.sinks if each.stage == stage)

    @property
    def slowest(self) -> tuple[tuple[str, int | None], ...]:
        """Where the slowest partition here stands of each source whose drift is limited."""
        return tuple(
            (name, each.drift.time.slowest)
            for name, each in self.sources.items()
            if each.drift is not None
        )

    def slowest_elsewhere(self, worker: str, slowest: tuple[tuple[str, int | None], ...]) -> None:
        """What another worker says of its own."""
        for name, stands in slowest:
            source = self.sources.get(name)
            if source is not None and source.drift is not None:
                source.drift.time.elsewhere(worker, stands)
                source.drift.moved()

    def inbox(self, edge: int) -> Inbox:
        """The inbox of the instance here that *edge* leads to."""
        return self.inboxes[self.wiring.topology.edges[edge].target]

    async def run(self) -> None:
        """Run every instance until all have seen the end of their inputs.

        Raises what an instance raised, unwrapped, after all others have been cancelled.
        """
        failure: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                tasks: tuple[SinkTask | StageTask | SourceTask, ...] = (
                    *self.sinks,
                    *self.stages,
                    *self.sources.values(),
                )
                for task in tasks:
                    # A thread that one of them waits for is called by it.
                    nursery.start_soon(task.run, name=task.called)
            self.drained = True
        except BaseExceptionGroup as group:
            # The first that is not a cancellation.
            failure = next((e for e in errors_in(group) if isinstance(e, Exception)), None)
            if failure is None:
                raise
        if failure is not None:
            raise failure

    def put_barrier(self, barrier: Barrier) -> bool:
        """Put a barrier after what the sources here have read; False if it is an old one."""
        if not self.collector.begin(barrier):
            return False
        positions = [
            position for each in self.sources.values() for position in each.put_barrier(barrier)
        ]
        self.positions[barrier.number] = positions
        for old in list(self.positions)[:-POSITIONS_MAX]:
            del self.positions[old]
        self.collector.sources_at(barrier.number, tuple(positions))
        return True

    @property
    def steps(self) -> int:
        """How far the checkpoint in progress is: it stands still if this stays the same.

        Records count where the barrier is sure to come: on their own they do not bring it.
        """
        done, encoded = self.collector.progress
        barrier = self.collector.barrier
        if barrier is None:
            return 0
        absent = self.collector.absent
        alignments = {
            **{each.stage.index: each.alignment for each in self.stages},
            **{each.stage: each.alignment for each in self.sinks},
        }
        processed = sum(
            self.counters[index].records_in
            for index, alignment in alignments.items()
            if index in absent and self.inboxes[index].will_pass(barrier.number, alignment)
        )
        return done + encoded + processed

    @property
    def awaiting(self) -> str:
        """What the checkpoint in progress waits for here, in words."""
        if not self.collector.in_progress:
            return "the leader's word"
        hands = {index: counters.in_hand for index, counters in self.counters.items()}
        absent = ", ".join(
            f"{name}: {hands[index]:,} records in hand" if hands[index] else name
            for index, name in self.collector.absent.items()
        )
        return absent or "the disk"

    async def encode_ended(self) -> None:
        """Encode what instances that have ended add to the checkpoint in progress."""
        while self.collector.encode_ended():
            await trio.lowlevel.checkpoint()

    def release(self, number: int) -> None:
        """No alignment for checkpoint *number* or a lower one holds anything up any more."""
        self.collector.released(number)
        instances: tuple[StageTask | SinkTask, ...] = (*self.stages, *self.sinks)
        for each in instances:
            if each.alignment.release(number):
                each.inbox.look_again()

    def committed(self, number: int) -> None:
        """A checkpoint is known committed here, durably: sinks may publish what it holds."""
        self.collector.committed = number
        for old in [each for each in self.positions if each < number]:
            del self.positions[old]  # only the last are ever told to sources, see `forget`
        for states in self.collector.states.values():
            for state in states.values():
                state.committed(number)
        for sink in self.sinks:
            sink.committed(number)
        if not self.sinks:
            self.on_published(number)

    async def publish(self) -> None:
        """Publish what committed checkpoints hold, each sink at its own pace, until cancelled."""
        async with trio.open_nursery() as nursery:
            for sink in self.sinks:
                nursery.start_soon(sink.publish)

    def sink_published(self) -> None:
        """A sink has published more: is that all of a checkpoint?"""
        number = min(sink.published for sink in self.sinks)
        if number > self._published:
            self._published = number
            self.on_published(number)

    @property
    def unpublished(self) -> int:
        """How many committed transactions wait in the sink that has most; see `SinkTask.burden`."""
        return max((sink.burden for sink in self.sinks), default=0)

    async def forget(self, number: int) -> None:
        """Nothing before checkpoint *number* is needed any more: sources may drop it."""
        async with self._forgetting:
            await self._forget(number)

    async def _forget(self, number: int) -> None:
        positions = self.positions.get(number)
        if positions is None:
            return  # a later one is known committed by now
        for source in self.sources.values():
            await source.committed(
                {each.partition: each.position for each in positions if each.source == source.step}
            )
            if source.context.left:
                from wallarood.runtime.dataflow.left import forget_left  # noqa: PLC0415 - few

                of_it = (each for each in positions if each.source == source.step)
                await forget_left(
                    source.source, source.context, [each.partition for each in of_it if each.ended]
                )
        for old in [each for each in self.positions if each <= number]:
            del self.positions[old]

    async def aclose(self) -> None:
        """Close the sinks. One that cannot be closed hides no other error, and no other sink."""
        for sink in self.sinks:
            try:
                await sink.aclose()
            except Exception as error:
                log.warning("sink not closed", sink=sink.context.step, reason=str(error))
