"""The inbox of a stage or sink instance: one bounded queue for each input.

Theory of operation
===================
Every (edge, sending worker) is an input with a queue of its own, so that an input that waits for
a barrier holds up no other. A local sender waits until its queue has room. What comes from a peer
never waits here, because its credit window has already bounded it: the reader of a connection
that serves many edges must not stand still for one of them. Marks take no room.

Batches that lie one after the other in a queue are handed out as one, up to a bound in records:
a slow consumer gets full batches, and a fast one gets each batch at once.

To wake a task costs more than a few records do. So a local sender that has a small batch for a
consumer that waits, with no input blocked, processes it at once in the consumer's place, which is
lent to it meanwhile: the consumer is not woken before it is given back, and takes then what has
come. At a low rate a record goes all the way from a source to a sink in one go.
"""

from collections import deque
from collections.abc import Callable, Iterable, Set
from typing import Protocol, TypeAlias

import attrs
import trio

from wallarood.model.batch import Barrier, Batch, Item, Mark, Reading, Tick, Unread, Watermark
from wallarood.model.ids import InputId
from wallarood.model.time import MAX_TIME
from wallarood.runtime.dataflow.waker import Waker

Taken: TypeAlias = Callable[[], None]


class Consumer(Protocol):
    """The task that takes from an inbox."""

    def is_small(self, records: int) -> bool:
        """Whether so many records are processed too soon to be worth waking a task."""

    async def process(self, batch: Batch, source: InputId) -> None:
        """Do with *batch*, of input *source*, what the task does with one that it takes."""


class Blocking(Protocol):
    """Says which inputs must wait now."""

    @property
    def blocked(self) -> Set[InputId]:
        """The inputs that must wait."""


class Aligning(Blocking, Protocol):
    """Says also which inputs have ended, and which have shown the barrier."""

    @property
    def ended(self) -> Set[InputId]:
        """The inputs that have ended."""

    @property
    def shown(self) -> Set[InputId]:
        """The inputs that have shown the barrier."""


TICKING: InputId = (-2, "")
"""The input that a tick seems to come from."""


def _is_barrier(item: Item, number: int) -> bool:
    return isinstance(item, Barrier) and item.number == number


def _tells_more(item: Item) -> bool:
    """Whether *item* can take the place of the watermark before it. The end of time cannot."""
    return isinstance(item, Watermark) and item.time < MAX_TIME


def nothing() -> None:
    """What is called when a batch of a local sender is taken."""


@attrs.define(eq=False)
class _Queue:
    items: deque[tuple[Item, Taken]] = attrs.field(factory=deque)
    batches: int = 0
    room: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)


@attrs.define(eq=False)
class Inbox:
    """Queues of `Batch | Mark`, one for each of *inputs*.

    `batches_max` bounds what a local sender may leave in one queue, `batch_records_max` what
    waiting batches are joined to. Without a `consumer` every batch is queued.
    """

    inputs: Iterable[InputId]
    batches_max: int
    batch_records_max: int
    consumer: Consumer | None = attrs.field(default=None, init=False)
    _queues: dict[InputId, _Queue] = attrs.field(init=False)
    _turn: deque[InputId] = attrs.field(init=False)
    _arrived: Waker = attrs.field(factory=Waker, init=False)
    _idle: bool = attrs.field(default=False, init=False)
    """Whether the consumer waits, and no input is blocked."""
    _lent: bool = attrs.field(default=False, init=False)
    _missed: bool = attrs.field(default=False, init=False)
    """Whether something came while the consumer's place was lent."""
    _ticked: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._turn = deque(self.inputs)
        self._queues = {each: _Queue() for each in self._turn}

    @property
    def backlog_batches(self) -> int:
        """How many batches wait here."""
        return sum(queue.batches for queue in self._queues.values())

    def is_full(self, source: InputId) -> bool:
        """Whether a local sender has to wait."""
        return self._queues[source].batches >= self.batches_max

    async def wait_for_room(self, source: InputId) -> None:
        """Return when `put` is within the bound."""
        queue = self._queues[source]
        while queue.batches >= self.batches_max:
            await queue.room.park()

    async def put(self, source: InputId, batch: Batch) -> None:
        """Take a batch of a local sender: it is queued, or already processed on return.

        Raises what `Consumer.process` raises.
        """
        if not self._idle or self.consumer is None or not self.consumer.is_small(len(batch)):
            self.put_nowait(source, batch)
            return
        self._idle, self._lent, self._missed = False, True, False
        try:
            await self.consumer.process(batch, source)
        finally:
            self._lent = False
            if self._missed:
                self._arrived.wake()
            else:
                self._idle = True

    def put_nowait(self, source: InputId, batch: Batch, taken: Taken = nothing) -> None:
        """Queue a batch; *taken* is called once when the consumer takes it."""
        queue = self._queues[source]
        queue.items.append((batch, taken))
        queue.batches += 1
        self._wake()

    def mark_nowait(
        self, source: InputId, mark: Mark | Unread | Reading, taken: Taken = nothing
    ) -> None:
        """Queue a mark after what is there; what a source tells is queued so too."""
        self._queues[source].items.append((mark, taken))
        self._wake()

    def tick(self) -> None:
        """Let the consumer look at the wall clock, before anything that waits here."""
        self._ticked = True
        self._wake()

    def has_some(self, alignment: Blocking) -> bool:
        """Whether `get` would return at once."""
        if self._ticked:
            return True
        blocked = alignment.blocked
        return any(queue.items and source not in blocked for source, queue in self._queues.items())

    def will_pass(self, number: int, alignment: Aligning) -> bool:
        """Whether the barrier of checkpoint *number* has come in by every input that has not ended.

        Then what is taken from here only brings it nearer.
        """
        ended = alignment.ended | alignment.shown
        return all(
            source in ended or any(_is_barrier(item, number) for item, _ in queue.items)
            for source, queue in self._queues.items()
        )

    def look_again(self) -> None:
        """Inputs that were blocked may not be any more."""
        self._wake()

    def _wake(self) -> None:
        if self._lent:
            self._missed = True
        else:
            self._idle = False
            self._arrived.wake()

    async def get(self, alignment: Blocking) -> tuple[InputId, Item]:
        """Wait for an item of an input that *alignment* does not block; inputs take turns."""
        while True:
            if self._ticked:
                self._ticked = False
                return TICKING, Tick()
            blocked = alignment.blocked
            for _ in range(len(self._turn)):
                source = self._turn[0]
                self._turn.rotate(-1)
                queue = self._queues[source]
                if queue.items and source not in blocked:
                    return source, self._take(queue)
            self._idle = not blocked
            await self._arrived.wait()

    def join_more(self, batch: Batch, alignment: Blocking, *, records_max: int) -> Batch:
        """*batch* with what waits of other inputs, up to a bound; each keeps its own order."""
        joined, size = [batch], len(batch)
        for source, queue in self._queues.items():
            if not queue.items or source in alignment.blocked:
                continue
            item = queue.items[0][0]
            if not isinstance(item, Batch) or (item.keys is None) is not (batch.keys is None):
                continue
            if size + len(item) <= records_max:
                more = self._take(queue)
                assert isinstance(more, Batch)
                joined.append(more)
                size += len(more)
        return Batch.join(joined)

    def _take(self, queue: _Queue) -> Item:
        item, taken = queue.items.popleft()
        taken()
        if isinstance(item, Watermark):
            while queue.items and _tells_more(queue.items[0][0]):
                item, taken = queue.items.popleft()
                taken()
        if not isinstance(item, Batch):
            return item
        queue.batches -= 1
        joined = [item]
        size = len(item)
        watermark = None
        while queue.items:
            following, taken = queue.items[0]
            if _tells_more(following):
                watermark = following
            elif isinstance(following, Batch) and size + len(following) <= self.batch_records_max:
                queue.batches -= 1
                joined.append(following)
                size += len(following)
            else:
                break
            queue.items.popleft()
            taken()
        if watermark is not None:  # told later than it was sent, which is always right
            queue.items.appendleft((watermark, nothing))
        if queue.room:
            queue.room.unpark_all()
        return Batch.join(joined)
