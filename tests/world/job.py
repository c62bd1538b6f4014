"""The job of one worker in one round: a source, a keyed count, a sink, and the links between them.

The parts that decide are the real ones; moving records from one to the other is the world's.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

from wallarood.flow.align import Alignment, InputId
from wallarood.flow.link import Delivery, LinkReceiver, LinkSender
from wallarood.flow.state import KeyedState
from wallarood.flow.transactions import Transactions
from wallarood.model.batch import Barrier, EndOfStream, Mark
from wallarood.model.checkpoint import CheckpointPart, Restored, SinkPart, SourcePosition
from wallarood.runtime.dataflow.snapshots import Snapshots

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


@attrs.frozen
class Reports:
    """Whom the job tells."""

    on_moved: Callable[[int, int, str], None]
    on_done: Callable[[CheckpointPart], None]


class SimJob:
    """A job that has been restored, and its links to *others*."""

    def __init__(
        self,
        worker: str,
        workers: tuple[str, ...],
        *,
        round: int,
        restored: Restored,
        records: list[Record],
        disk: Disk,
        parts: Parts,
        reports: Reports,
    ) -> None:
        self.worker, self.workers, self.round, self.disk = worker, workers, round, disk
        self.records, self.parts = records, parts
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
        self.encoding = self.slow = False
        self.snapshots = Snapshots(
            worker,
            {READ: "read", COUNT: "count", SINK: "sink"},
            {COUNT: {"count": self.state}},
            restored.checkpoint.number,
            reports.on_moved,
            reports.on_done,
            self._on_slow,
        )
        self._restore_sink(restored.sinks[0] if restored.sinks else SinkPart("sink", 0, ()))

    # ---- the sink --------------------------------------------------------------------------------

    def _restore_sink(self, part: SinkPart) -> None:
        self.next_part: int = part.state
        self.written: list[Record] = []
        for number in [each for each in self.disk.visible if each >= self.next_part]:
            raise ViolationError(
                f"{self.worker} has published part {number}, which a rollback voids"
            )
        for number in [each for each in self.disk.staged if each >= self.next_part]:
            del self.disk.staged[number]
            self.disk.torn.discard(number)
        self.transactions = self.parts.transactions(part.unpublished)
        while self.publish_one(0):
            pass

    def publish_one(self, number: int) -> bool:
        """Publish the oldest transaction that checkpoint *number* holds, if there is one."""
        if not self.transactions.due(number):
            return False
        part = self.transactions.oldest
        if part in self.disk.staged:
            if part in self.disk.torn:
                raise ViolationError(
                    f"{self.worker} publishes part {part}, of which half is missing"
                )
            self.disk.visible[part] = self.disk.staged.pop(part)
        elif part not in self.disk.visible:
            raise ViolationError(f"{self.worker} has lost part {part}, which it had prepared")
        self.transactions.published()
        return True

    def _prepare(self) -> None:
        if self.written:
            self.disk.staged[self.next_part] = tuple(self.written)
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

    def sink_step(self) -> None:
        """The sink takes one item."""
        item = self.to_sink.popleft()
        if isinstance(item, tuple):
            self.written.extend(item)
        elif isinstance(item, Barrier):
            if self.snapshots.begin(item):
                self._prepare()
                self.snapshots.sink_prepared(SINK, self._sink_part(item.number))
        else:
            self._prepare()
            self.ended.add(SINK)
            self.snapshots.sink_ended(SINK, self._sink_part)

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
            if isinstance(mark, Barrier) and self.snapshots.begin(mark):
                self.snapshots.capture_now(COUNT)
                self.encoding = True
            self.to_sink.append(mark)
            if isinstance(mark, EndOfStream):
                self.encoding = False
                self.ended.add(COUNT)
                self.snapshots.stage_ended(COUNT)

    def encode_step(self) -> None:
        """Encode one chunk of the capture in progress."""
        if self.encoding:
            if self.state.capturing:
                self.state.encode_some()
            else:
                self.encoding = False
                self.snapshots.finish(COUNT)
        elif self.slow:
            self.slow = self.snapshots.encode_ended()

    def _on_slow(self) -> None:
        self.slow = True

    # ---- the source ------------------------------------------------------------------------------

    def _target(self, key: str) -> str:
        return self.workers[sum(key.encode()) % len(self.workers)]

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
            self.snapshots.stage_ended(READ)
            return
        for target in self.workers:
            if some := tuple(each for each in batch if self._target(each[0]) == target):
                self._emit(target, some)
        self.position += len(batch)

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
        if not self.snapshots.begin(barrier):
            return
        if READ not in self.ended:
            self._mark(barrier)
            self.snapshots.capture_now(READ)
            self.snapshots.finish(READ)
        here = SourcePosition("source", self.worker, self.position, self.source_ended)
        self.snapshots.sources_at((here,))

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
        self.alignment.release(number)

    def committed(self, number: int) -> None:
        """As the first half of `Job.committed`."""
        self.snapshots.committed = number
        self.state.committed(number)

    @property
    def drained(self) -> bool:
        """Whether everything here has seen its end."""
        return len(self.ended) == 3
