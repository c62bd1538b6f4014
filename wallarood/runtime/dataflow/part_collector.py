"""The parts of a checkpoint on this worker, as they come in from its instances.

Theory of operation
===================
A barrier passes every instance at its own time. What an instance says at that moment is kept here
until all have. An instance that has ended counts as having let every later barrier pass: its state
does not change any more, so it is captured when the checkpoint is asked for, or when it ends,
whichever is later. One checkpoint is collected at a time; a higher number takes the place of a
lower one, of which nothing is lost: what it held is marked as changed still.

What an instance hands over names the checkpoint that it is of. To prepare a sink or to encode a
state takes time, and when it is done another checkpoint may be collected: a late part is of a cut
that is not waited for, and is left out. The instance then meets the barrier of the newer checkpoint
in its own time, and hands over a part of that one.
"""

from collections.abc import Callable, Mapping

import attrs

from wallarood.flow.state.state import State
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import (
    CheckpointId,
    CheckpointPart,
    SinkPart,
    SourcePosition,
    StatePart,
)
from wallarood.model.ids import WorkerName


@attrs.define(eq=False)
class PartCollector:
    """What the instances of *worker* have said for the checkpoint in progress.

    `instances` are the stages with an instance here, by index, with what each is called. `on_moved`
    is called when another part of a checkpoint is whole, `on_done` with all of them, `on_slow` when
    `encode_ended` has something to do.
    """

    worker: WorkerName
    instances: Mapping[int, str]
    states: Mapping[int, Mapping[str, State]]
    committed: int
    on_moved: Callable[[], None]
    on_done: Callable[[CheckpointPart], None]
    on_slow: Callable[[], None]
    barrier: Barrier | None = None
    _sources: tuple[SourcePosition, ...] | None = None
    _sinks: dict[int, SinkPart] = attrs.field(factory=dict)
    _parts: dict[int, tuple[StatePart, ...]] = attrs.field(factory=dict)
    _captured: set[int] = attrs.field(factory=set)
    _ended: set[int] = attrs.field(factory=set)
    _ended_sinks: dict[int, Callable[[int], SinkPart]] = attrs.field(factory=dict)
    _released: int = 0

    def released(self, number: int) -> None:
        """No alignment for checkpoint *number* or a lower one blocks an input any more.

        Records that follow its barrier may pass an instance that has not shown it. Where such an
        instance ends, it does not stand for that checkpoint.
        """
        self._released = max(self._released, number)

    def begin(self, barrier: Barrier) -> bool:
        """Collect for *barrier* from now on; whether it is not an old one."""
        if self.barrier is not None and barrier.number <= self.barrier.number:
            return barrier == self.barrier
        self.barrier = barrier
        self._sources = None
        self._sinks, self._parts, self._captured = {}, {}, set()
        for stage in sorted(self._ended) if barrier.number > self._released else ():
            if stage in self._ended_sinks:
                self._sinks[stage] = self._ended_sinks[stage](barrier.number)
            else:
                self.capture_now(stage)
        if self._captured:
            self.on_slow()
        return True

    def capture_now(self, stage: int) -> None:
        """Begin to capture the states of *stage* as they are now."""
        assert self.barrier is not None
        self._captured.add(stage)
        for state in self.states.get(stage, {}).values():
            state.capture(self.barrier.number, self.committed)

    def _collects(self, number: int) -> bool:
        """Whether checkpoint *number* is the one in progress."""
        return self.barrier is not None and self.barrier.number == number

    def sources_at(self, number: int, positions: tuple[SourcePosition, ...]) -> None:
        """The barrier of checkpoint *number* stands after what was read up to *positions*."""
        if not self._collects(number):
            return
        self._sources = positions
        self._moved()

    def encode_ended(self) -> bool:
        """Encode the next chunk of an instance that has ended; whether there may be more."""
        for stage in self._captured & self._ended - self._parts.keys():
            for state in self.states.get(stage, {}).values():
                if state.capturing:
                    state.encode_some()
                    return True
            assert self.barrier is not None
            self.finish(self.barrier.number, stage)
            return True
        return False

    def finish(self, number: int, stage: int) -> None:
        """The states of *stage* are encoded to the end, as they were for checkpoint *number*."""
        if not self._collects(number) or stage not in self._captured or stage in self._parts:
            return
        states = self.states.get(stage, {}).values()
        self._parts[stage] = tuple(state.finish() for state in states)
        self._moved()

    def sink_prepared(self, number: int, stage: int, part: SinkPart) -> None:
        """A sink has prepared after the barrier of checkpoint *number*."""
        if not self._collects(number):
            return
        self._sinks[stage] = part
        self._moved()

    def stage_ended(self, stage: int) -> None:
        """An instance has ended: it lets every barrier pass from now on."""
        self._ended.add(stage)
        if self.barrier is None:
            return
        if stage not in self._captured:
            if self.barrier.number <= self._released:
                return
            self.capture_now(stage)
        self.on_slow()

    def sink_ended(self, stage: int, part: Callable[[int], SinkPart]) -> None:
        """A sink has ended; *part* says at any later time what it holds for a checkpoint."""
        self._ended.add(stage)
        self._ended_sinks[stage] = part
        barrier = self.barrier
        if barrier is not None and stage not in self._sinks and barrier.number > self._released:
            self._sinks[stage] = part(barrier.number)
            self._moved()

    @property
    def in_progress(self) -> bool:
        """Whether parts are still to come in."""
        return self._sources is not None

    @property
    def progress(self) -> tuple[int, int]:
        """How many parts of the checkpoint are whole, and how many keys of the others encoded."""
        encoded = sum(each.encoded for own in self.states.values() for each in own.values())
        return len(self._parts) + len(self._sinks), encoded

    @property
    def absent(self) -> dict[int, str]:
        """The instances that have not handed over their parts yet."""
        done = self._parts.keys() | self._sinks.keys()
        return {stage: name for stage, name in self.instances.items() if stage not in done}

    def _moved(self) -> None:
        """Say how far it is; if it is whole, hand it over."""
        barrier = self.barrier
        if barrier is None:
            return
        self.on_moved()
        if self._sources is None or self.absent:
            return
        part = CheckpointPart(
            CheckpointId(barrier.round, barrier.number),
            self.worker,
            self._sources,
            tuple(self._sinks.values()),
            tuple(each for parts in self._parts.values() for each in parts),
        )
        self._sources = None
        self.on_done(part)
