"""The task of a sink instance: writes what comes, and makes it visible when it is committed.

Theory of operation
===================
When a barrier passes, what was written so far is prepared: durable, and not visible; it is
published when the checkpoint is committed (see `wallarood.flow.transactions`).

Publishing is a task of its own, for each sink: one whose receiver is away holds up no other sink,
and no barrier. What fails is tried again. How many committed transactions wait is part of what a
worker says of each checkpoint; when there are too many, the leader has all sources pause, and
checkpoints continue (see `wallarood.control.rounds.checkpoint_leader`).
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import Sink, SinkContext, SinkWriter
from wallarood.disk.noted import note_connector
from wallarood.flow.align import Alignment
from wallarood.flow.failures import Naming, pass_on
from wallarood.flow.transactions import Transactions
from wallarood.model.batch import Barrier, Batch, EndOfStream, Reading, Tick, Unread
from wallarood.model.checkpoint import SinkPart
from wallarood.model.errors import DamagedStateError, NeverTakenError
from wallarood.model.ids import InputId
from wallarood.runtime.dataflow.counters import SinkCounters, StageCounters
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.looks import Looks
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.dataflow.waker import Waker

PUBLISH_AGAIN_S = 1.0
PUBLISH_AGAIN_MAX_S = 10.0
"""The pauses between attempts to publish grow from the one to the other, and are not all alike."""
SAID_AFTER_S = 10.0
"""When status tells of an attempt to publish that takes long."""
FULL = 1 << 30
"""What counts as more transactions than may wait to be published, whatever that is."""
SMALL_RECORDS = 64
SLOW_S = 0.001

log = structlog.get_logger(__name__)


@attrs.frozen
class Waiting:
    """Transactions that are committed and not visible, and what of them is kept on disk.

    Records and bytes are 0 where the sink does not tell.
    """

    transactions: int = 0
    records: int = 0
    size_bytes: int = 0


@attrs.define(eq=False)
class SinkTask:
    """Everything that one sink instance needs.

    `restored` is what a rollback left for it. `on_published` is called when `published` has risen.
    """

    stage: int
    sink: Sink
    context: SinkContext
    inbox: Inbox
    alignment: Alignment
    counters: StageCounters
    collector: PartCollector
    on_published: Callable[[], None]
    restored: SinkPart | None = None
    looks: Looks = attrs.field(factory=Looks, init=False)
    """What looks at records as they come."""
    publishing: SinkCounters = attrs.field(factory=SinkCounters, init=False)
    published: int = attrs.field(default=0, init=False)
    """Everything up to this checkpoint has been published."""
    failing: str = attrs.field(default="", init=False)
    """Why the last attempt to publish failed; empty if it did not."""
    _failed: int = attrs.field(default=0, init=False)
    """How many attempts to publish have failed in a row."""
    _due_since: float | None = attrs.field(default=None, init=False)
    """When it was first tried to publish the oldest transaction; None if it was not."""
    _due_at: str = attrs.field(default="", init=False)
    """The same by the calendar, for people."""
    _took_s: float = attrs.field(default=0.0, init=False)
    """How long the last write took."""
    _naming: Naming = attrs.field(init=False)
    _writer: SinkWriter | None = attrs.field(default=None, init=False)
    _prepared: Transactions = attrs.field(factory=Transactions, init=False)
    _committed: int = attrs.field(init=False)
    """The highest checkpoint that is known committed, durably."""
    _opened: trio.Event = attrs.field(factory=trio.Event, init=False)
    _more: Waker = attrs.field(factory=Waker, init=False)

    def __attrs_post_init__(self) -> None:
        self._committed = self.collector.committed
        self._naming = Naming("sink", self.context.step)

    @property
    def called(self) -> str:
        """What this task is called where it is waited for."""
        return f"sink {self.context.step!r}"

    async def run(self) -> None:
        """Write until all inputs have ended, then prepare what was written.

        Raises ApplicationError or CannotCreateError: the sink cannot be opened or written.
        """
        writer = await self._open()
        while True:
            source, item = await self.inbox.get(self.alignment)
            if isinstance(item, Batch):
                await self.process(item, source)
                if self.inbox.has_some(self.alignment):
                    await trio.lowlevel.checkpoint()  # else `get` waits
                continue
            assert not isinstance(item, Unread | Reading | Tick)
            for mark in self.alignment.take(source, item):
                if isinstance(mark, Barrier) and self.collector.begin(mark):
                    await self._prepare(writer)
                    part = self.part_at(mark.number)
                    self.collector.sink_prepared(mark.number, self.stage, part)
                if isinstance(mark, EndOfStream):
                    await self._prepare(writer)
                    self.collector.sink_ended(self.stage, self.part_at)
                    return

    def is_small(self, records: int) -> bool:
        """See `Consumer.is_small`: not where writing waits: others can work meanwhile."""
        return records <= SMALL_RECORDS and self._took_s < SLOW_S

    async def process(self, batch: Batch, source: InputId) -> None:  # noqa: ARG002
        """Write *batch*. Raises ApplicationError: it cannot be written."""
        assert self._writer is not None
        self.looks.look(batch)
        busy = self.counters.busy
        before_s = busy.seconds
        with busy, self._naming:
            await self._writer.write(batch.values)
        self._took_s = busy.seconds - before_s
        self.counters.records_in += len(batch)

    async def _open(self) -> SinkWriter:
        state = self.restored.state if self.restored is not None else None
        if self.context.directory:
            where = Path(self.context.directory)
            await trio.to_thread.run_sync(note_connector, where, self.sink)
        with self._naming:
            writer = self._writer = await self.sink.open(self.context, state)
        if self.restored is not None:
            self._prepared = Transactions(self.restored.unpublished)
        self._opened.set()
        return writer

    async def _prepare(self, writer: SinkWriter) -> None:
        """Make what was written so far durable; `publish` will make it visible."""
        with self.counters.busy, self._naming:
            transaction = await writer.prepare()
        if transaction is not None:
            self._prepared.add(transaction)

    def part_at(self, number: int) -> SinkPart:
        """What this sink holds after its last `prepare`, for checkpoint *number*."""
        assert self._writer is not None
        return SinkPart(self.context.step, self._writer.state, self._prepared.held_by(number))

    @property
    def unpublished(self) -> int:
        """How many transactions are committed, and not visible yet."""
        return len(self._prepared.all_due(self._committed))

    @property
    def waiting(self) -> Waiting:
        """What is committed and not visible."""
        due = self._prepared.all_due(self._committed)
        told = [each for each in due if isinstance(each, dict)]
        records, size = (sum(each.get(name, 0) for each in told) for name in ("records", "bytes"))
        return Waiting(len(due), records, size)

    @property
    def burden(self) -> int:
        """As `unpublished`, or FULL if what waits is too much for the writer."""
        due = self._prepared.all_due(self._committed)
        is_full: Callable[[list[Any]], bool] | None = getattr(self._writer, "is_full", None)
        return FULL if due and is_full is not None and is_full(due) else len(due)

    @property
    def waits(self) -> str:
        """What publishing waits for, and since when; empty if it does not wait for long."""
        since = self._due_since
        if since is None or not (self.failing or trio.current_time() - since >= SAID_AFTER_S):
            return ""
        return f"{self.failing or 'no answer yet'} (since {self._due_at})"

    def committed(self, number: int) -> None:
        """Checkpoint *number* is durably known committed: `publish` has something to do."""
        self._committed = max(self._committed, number)
        self._more.wake()

    async def publish(self) -> None:
        """Make visible what committed checkpoints hold; each is tried until it is done.

        Raises DamagedStateError: it is gone or damaged. Raises NeverTakenError: its receiver
        refuses, and has done nothing else.
        """
        await self._opened.wait()
        while True:
            number = self._committed
            if self._prepared.due(number):
                await self._publish_oldest()
            elif self.published < number:
                self.published = number
                self.on_published()
            else:
                await self._more.wait()

    async def _publish_oldest(self) -> None:
        assert self._writer is not None
        if self._due_since is None:
            self._due_since = trio.current_time()
            self._due_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
        try:
            await self._writer.commit(self._prepared.oldest)
        except (DamagedStateError, NeverTakenError):
            raise
        except BaseException as error:
            pass_on(error)
            self.failing = str(error)
            self.publishing.failures += 1
            self.publishing.failing_since = self.publishing.failing_since or time.time()
            log.warning("sink cannot publish", sink=self.context.step, reason=self.failing)
            again_s = min(PUBLISH_AGAIN_S * 2 ** min(self._failed, 10), PUBLISH_AGAIN_MAX_S)
            self._failed += 1
            await trio.sleep(again_s * random.uniform(0.5, 1))
            return
        self.failing, self._failed = "", 0
        self._due_since = None
        self.publishing.published += 1
        self.publishing.last_published, self.publishing.failing_since = time.time(), None
        self._prepared.published()

    async def aclose(self) -> None:
        """Close the sink; what was not prepared is dropped."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.aclose()
