"""The job of one worker in one round: a source, a keyed count, a sink, and the links between them.

The parts that decide are the real ones; moving records from one to the other is the world's.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from wallarood.flow.align import Alignment
from wallarood.flow.link import Delivery, LinkReceiver, LinkSender
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.transactions import Transactions
from wallarood.model.batch import Barrier, EndOfStream, Mark
from wallarood.model.checkpoint import (
    CheckpointId,
    CheckpointPart,
    Restored,
    SinkPart,
    SourcePosition,
)
from wallarood.model.ids import InputId
from wallarood.runtime.dataflow.part_collector import PartCollector

from .cuts import Cuts, owner
from .disk import Disk, Record
from .errors import ViolationError

READ, COUNT, SINK = range(3)
EDGE = 0
WINDOW = 12

Item = tuple[Record, ...] | Mark


class Count:
    """The state of a key."""

    def __init__(self) -> None:
        self.seen = 0


@attrs.frozen
class Parts:
    """The classes that a job is made of; planted bugs are other ones."""

    state: type[KeyedState] = KeyedState
    alignment: type[Alignment] = Alignment
    sender: type[LinkSender] = LinkSender
    transactions: type[Transactions] = Transactions
    collector: type[PartCollector] = PartCollector
    room_for: int | None = None
    """How many prepared transactions there may be before a sink waits for room; None: any."""


@attrs.frozen
class Reports:
    """Whom the job tells."""

    on_moved: Callable[[int, int, str], None]
    on_done: Callable[[CheckpointPart], None]
    cuts: Cuts


class SimJob:
    """A job that has been restored, and its links to *others*."""

    def __init__(
        self,
        worker: str,
        workers: tuple[str, ...],
        *,
        round: int,
        line: int,
        restored: Restored,
        records: list[Record],
        disk: Disk,
        parts: Parts,
        reports: Reports,
    ) -> None:
        self.worker, self.workers, self.round, self.disk = worker, workers, round, disk
        self.records, self.parts, self.line = records, parts, line
        self.state = parts.state("count", Count)
        self.state.restore(restored.chunks.get("count", ()))
        self.position = restored.sources[0].position if restored.sources else 0
        self.source_ended = False
        self.inputs: dict[InputId, deque[tuple[Item, Callable[[], None] | None]]] = {
            (EDGE, name): deque() for name in workers
        }
        self.alignment = parts.alignment(self.inputs)
        self.to_sink: deque[Item] = deque()
        self.senders = {name: parts.sender(WINDOW) for name in workers if name != worker}
        self.receivers = {name: LinkReceiver(WINDOW) for name in workers if name != worker}
        self.ended: set[int] = set()
        self.encoding: int | None = None
        self.slow = False
        self.counted_at: dict[int, int] = {}
        """How many records the count had taken in at the barrier of a checkpoint, by its number."""
        self.reports = reports
        self.collector = parts.collector(
            worker,
            {READ: "read", COUNT: "count", SINK: "sink"},
            {COUNT: {"count": self.state}},
            restored.checkpoint.number,
            self._on_moved,
            self._on_done,
            self._on_slow,
        )
        self.known = restored.checkpoint.number
        """The highest checkpoint that is known committed here."""
        self.published = 0
        self._restore_sink(restored.sinks[0] if restored.sinks else SinkPart("sink", 0, ()))

    # ---- the sink --------------------------------------------------------------------------------

    def _restore_sink(self, part: SinkPart) -> None:
        self.next_part: int = part.state
        self.written: list[Record] = []
        self.sink_busy_until = 0.0
        self.preparing: Callable[[], None] | None = None
        """What is to be done when the sink has prepared."""
        for number in [each for each in self.disk.visible if each >= self.next_part]:
            if max(line for line, n in self.disk.received if n == number) >= self.line:
                raise ViolationError(
                    f"{self.worker} has published part {number}, which a rollback voids"
                )
            del self.disk.visible[number]  # the receiver replaces it: it is of an older line
        for number in [each for each in self.disk.staged if each >= self.next_part]:
            del self.disk.staged[number]
            self.disk.torn.discard(number)
        self.transactions = self.parts.transactions(part.unpublished)

    def publish_one(self) -> None:
        """Publish the oldest transaction, which is committed."""
        part = self.transactions.oldest
        if part in self.disk.staged:
            if part in self.disk.torn:
                raise ViolationError(
                    f"{self.worker} publishes part {part}, of which half is missing"
                )
            self._send(part, self.disk.staged.pop(part))
        elif part not in self.disk.visible:
            raise ViolationError(f"{self.worker} has lost part {part}, which it had prepared")
        self.transactions.published()

    def _send(self, part: int, content: tuple[Record, ...]) -> None:
        """The receiver takes a part, or knows it by its line and number."""
        name = (self.disk.line_of[part], part)
        if self.disk.received.setdefault(name, content) != content:
            raise ViolationError(
                f"{self.worker} has two contents for part {part} of line {name[0]}"
            )
        self.disk.visible[part] = content

    @property
    def unpublished(self) -> int:
        """How many committed transactions are not visible yet."""
        return len(self.transactions.all_due(self.known))

    def _prepare(self) -> None:
        if self.written:
            self.disk.staged[self.next_part] = tuple(self.written)
            self.disk.line_of[self.next_part] = self.line
            self.transactions.add(self.next_part)
            self.next_part += 1
            self.written = []

    def _sink_part(self, number: int) -> SinkPart:
        held = self.transactions.held_by(number)
        return SinkPart("sink", self.next_part, held)

    def tear(self) -> None:
        """The process dies in the middle of writing a part."""
        if self.written:
            self.disk.staged[self.next_part] = tuple(self.written[: len(self.written) // 2])
            self.disk.torn.add(self.next_part)

    @property
    def sink_waits(self) -> bool:
        """Whether the sink is not to take what is next: a planted bug, since nobody may wait so."""
        room = self.parts.room_for
        barrier = bool(self.to_sink) and isinstance(self.to_sink[0], Barrier)
        return room is not None and barrier and len(self.transactions._prepared) >= room

    def sink_step(self, now: float, prepare_time: Callable[[], float]) -> None:
        """The sink takes one item, or has prepared by now; a barrier keeps it busy for a while."""
        if self.preparing is not None:
            then, self.preparing = self.preparing, None
            self._prepare()
            then()
            return
        if self.sink_waits or not self.to_sink:
            return
        item = self.to_sink.popleft()
        if isinstance(item, tuple):
            self.written.extend(item)
        elif isinstance(item, Barrier):
            number = item.number
            if self.collector.begin(item):
                self.sink_busy_until = now + prepare_time()
                self.preparing = lambda: self.collector.sink_prepared(
                    number, SINK, self._sink_part(number)
                )
        else:
            self.sink_busy_until = now + prepare_time()
            self.preparing = self._sink_ended

    def _sink_ended(self) -> None:
        self.ended.add(SINK)
        self.collector.sink_ended(SINK, self._sink_part)

    def _on_moved(self) -> None:
        assert self.collector.barrier is not None
        absent = ", ".join(self.collector.absent.values())
        steps = sum(self.collector.progress)
        self.reports.on_moved(self.collector.barrier.number, steps, absent)

    def _on_done(self, part: CheckpointPart) -> None:
        """A part is whole: state and sink must be of the same cut."""
        number, sink = part.checkpoint.number, part.sinks[0]
        kept = {**self.disk.staged, **self.disk.visible}
        written = sum(len(records) for n, records in kept.items() if n < sink.state)
        counted = self.counted_at.get(number, self.counted)
        if written != counted:
            raise ViolationError(
                f"checkpoint {number} of {self.worker} has {counted} records in its state and "
                f"{written} in its sink"
            )
        self.reports.cuts.counted(part.checkpoint, self.worker, counted)
        self.reports.on_done(part)

    # ---- the count -------------------------------------------------------------------------------

    def ready_inputs(self) -> list[InputId]:
        """The inputs that have something to take."""
        blocked = self.alignment.blocked
        return [each for each, queue in self.inputs.items() if queue and each not in blocked]

    def count_step(self, source: InputId) -> None:
        """The count takes one item from an input."""
        item, taken = self.inputs[source].popleft()
        if taken is not None:
            taken()
        if isinstance(item, tuple):
            counts = self.state.use([key for key, _ in item])
            for (key, nth), count in zip(item, counts, strict=True):
                count.seen += 1
                if count.seen != nth:
                    raise ViolationError(f"{self.worker} sees {key} {nth} as number {count.seen}")
            self.to_sink.append(item)
            return
        for mark in self.alignment.take(source, item):
            if isinstance(mark, Barrier) and self.collector.begin(mark):
                self.counted_at[mark.number] = self.counted
                self.collector.capture_now(COUNT)
                self.encoding = mark.number
            self.to_sink.append(mark)
            if isinstance(mark, EndOfStream):
                self.encoding = None
                self.ended.add(COUNT)
                self.collector.stage_ended(COUNT)

    @property
    def counted(self) -> int:
        """How many records the count has taken in since the cluster began."""
        return sum(each.seen for each in self.state.by_key.values())

    def encode_step(self) -> None:
        """Encode one chunk of the capture in progress."""
        if self.encoding is not None:
            if self.state.capturing:
                self.state.encode_some()
            else:
                number, self.encoding = self.encoding, None
                self.collector.finish(number, COUNT)
        elif self.slow:
            self.slow = self.collector.encode_ended()

    def _on_slow(self) -> None:
        self.slow = True

    # ---- the source ------------------------------------------------------------------------------

    @property
    def may_read(self) -> bool:
        """Whether every link has credit."""
        return not self.source_ended and all(s.can_send(EDGE) for s in self.senders.values())

    def source_step(self, count: int) -> None:
        """The source reads up to *count* records, or says that there are no more."""
        batch = self.records[self.position : self.position + count]
        if not batch:
            self.source_ended = True
            self._mark(EndOfStream())
            self.ended.add(READ)
            self.collector.stage_ended(READ)
            return
        for target in self.workers:
            if some := tuple(each for each in batch if self.owner_of(each[0]) == target):
                self._emit(target, some)
        self.position += len(batch)

    def owner_of(self, key: str) -> str:
        """The worker that counts *key*."""
        return owner(key, self.workers)

    def _mark(self, mark: Mark) -> None:
        for target in self.workers:
            self._emit(target, mark)

    def _emit(self, target: str, item: Item) -> None:
        if target == self.worker:
            self.inputs[EDGE, target].append((item, None))
            return
        sender = self.senders[target]
        cost = len(item) if isinstance(item, tuple) else 0
        frame: Any = (EDGE, sender.next_sequence(EDGE), self.round, item)
        sender.push(EDGE, cost, frame)

    def put_barrier(self, barrier: Barrier) -> None:
        """Put a barrier behind what the source has read."""
        if not self.collector.begin(barrier):
            return
        checkpoint = CheckpointId(barrier.round, barrier.number)
        self.reports.cuts.source_at(checkpoint, self.worker, self.position)
        if READ not in self.ended:
            self._mark(barrier)
            self.collector.capture_now(READ)
            self.collector.finish(barrier.number, READ)
        here = SourcePosition("source", self.worker, self.position, self.source_ended)
        self.collector.sources_at(barrier.number, (here,))

    # ---- links -----------------------------------------------------------------------------------

    def arrived(self, source: str, frame: Any) -> None:
        """A frame has come from another worker. Raises RemoteProtocolError."""
        edge, sequence, _, item = frame
        receiver = self.receivers[source]
        cost = len(item) if isinstance(item, tuple) else 0
        if receiver.receive(edge, sequence, cost) is Delivery.REPEAT:
            return

        def taken() -> None:
            receiver.taken(edge, sequence)

        self.inputs[edge, source].append((item, taken))

    # ---- checkpoints -----------------------------------------------------------------------------

    def release(self, number: int) -> None:
        """As `Job.release`."""
        self.collector.released(number)
        self.alignment.release(number)

    def committed(self, number: int) -> None:
        """As `Job.committed`."""
        self.known = max(self.known, number)
        self.collector.committed = number
        self.state.committed(number)

    @property
    def drained(self) -> bool:
        """Whether everything here has seen its end."""
        return len(self.ended) == 3
