"""A sink instance: late parts are left out, no barrier waits for room, and each publishes alone."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.app.connector import SinkContext
from wallarood.flow.align import Alignment
from wallarood.model.batch import Barrier, Batch, EndOfStream
from wallarood.model.checkpoint import CheckpointPart, SinkPart
from wallarood.model.topology import Topology
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.dataflow.tasks.sink_task import (
    FULL,
    PUBLISH_AGAIN_MAX_S,
    PUBLISH_AGAIN_S,
    SAID_AFTER_S,
    SinkTask,
)

INPUT = (0, "alpha")
CONTEXT = SinkContext("app", "cluster", "alpha", "sink", 0)


@attrs.define(eq=False)
class Shelf:
    """A sink and its writer: transactions are lists; `slow` is awaited by `prepare`."""

    slow: trio.Event | None = None
    receiver: bool = True
    answers_after_s: float = 0
    full_at: int = 1000
    attempts: int = 0
    open_one: list[Any] = attrs.field(factory=list)
    number: int = 0
    visible: list[Any] = attrs.field(factory=list)

    async def open(self, context: SinkContext, state: Any) -> "Shelf":
        del context
        self.number = state or 0
        return self

    @property
    def state(self) -> Any:
        return self.number

    async def write(self, records: list[Any]) -> None:
        self.open_one += records

    async def prepare(self) -> Any:
        if self.slow is not None:
            await self.slow.wait()
        taken, self.open_one = self.open_one, []
        self.number += len(taken)
        return taken or None

    def is_full(self, unpublished: list[Any]) -> bool:
        return len(unpublished) >= self.full_at

    async def commit(self, prepared: Any) -> None:
        self.attempts += 1
        if self.answers_after_s:
            await trio.sleep(self.answers_after_s)
        if not self.receiver:
            raise OSError("the receiver is away")
        self.visible += prepared

    async def aclose(self) -> None:
        pass


@attrs.define(eq=False)
class Bench:
    """A job of sinks only, and what came of it."""

    job: Job
    parts: list[CheckpointPart] = attrs.field(factory=list)
    published: list[int] = attrs.field(factory=list)

    def feed(self, *values: int) -> None:
        for sink in self.job.sinks:
            sink.inbox.put_nowait(INPUT, Batch(list(values)))

    def begin(self, number: int) -> Barrier:
        """The driver's word for a checkpoint: the sources here have passed the barrier."""
        barrier = Barrier(1, number)
        self.job.collector.begin(barrier)
        self.job.collector.sources_at(number, ())
        return barrier

    def mark(self, mark: Barrier | EndOfStream) -> None:
        for sink in self.job.sinks:
            sink.inbox.mark_nowait(INPUT, mark)

    async def checkpoint(self, number: int) -> None:
        self.mark(self.begin(number))
        await wait_all_tasks_blocked()


@asynccontextmanager
async def bench(*sinks: Shelf, restored: tuple[Any, ...] = ()) -> AsyncIterator[Bench]:
    parts: list[CheckpointPart] = []
    collector = PartCollector(
        "alpha",
        {index: f"sink {index}" for index in range(len(sinks))},
        {},
        0,
        lambda: None,
        parts.append,
        lambda: None,
    )
    wiring = Wiring(Topology(1, "app", ("alpha",), (), ()), "alpha")
    job = Job(wiring, Gate(), {}, {}, {}, [], [], collector)
    made = Bench(job, parts)
    job.on_published = made.published.append
    for index, sink in enumerate(sinks):
        inbox = Inbox([INPUT], batches_max=8, batch_records_max=100)
        job.sinks.append(
            SinkTask(
                stage=index,
                sink=sink,
                context=CONTEXT,
                inbox=inbox,
                alignment=Alignment([INPUT]),
                counters=StageCounters(),
                collector=collector,
                on_published=job.sink_published,
                restored=SinkPart("sink", 0, restored) if restored else None,
            )
        )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(job.run)
        nursery.start_soon(job.publish)
        await wait_all_tasks_blocked()
        yield made
        nursery.cancel_scope.cancel()


async def test_a_part_that_is_late_is_left_out_of_a_newer_checkpoint() -> None:
    shelf = Shelf(slow=trio.Event())
    async with bench(shelf) as made:
        made.feed(1, 2)
        await made.checkpoint(1)
        made.feed(3)
        second = made.begin(2)  # the first was given up meanwhile
        assert shelf.slow is not None
        shelf.slow.set()
        await wait_all_tasks_blocked()
        assert made.parts == []
        made.mark(second)
        await wait_all_tasks_blocked()
    (part,) = made.parts
    assert part.checkpoint.number == 2
    assert part.sinks == (SinkPart("sink", 3, ([1, 2], [3])),)


async def test_an_end_that_takes_long_to_prepare_counts_in_the_checkpoint_of_then() -> None:
    shelf = Shelf(slow=trio.Event())
    async with bench(shelf) as made:
        made.feed(1, 2)
        await made.checkpoint(1)
        made.mark(EndOfStream())
        made.begin(2)
        assert shelf.slow is not None
        shelf.slow.set()
        await wait_all_tasks_blocked()
    assert [(part.checkpoint.number, part.sinks[0].state) for part in made.parts] == [(2, 2)]


async def test_no_barrier_waits_for_room_among_what_is_prepared() -> None:
    async with bench(Shelf()) as made:
        for number in range(1, 301):
            made.feed(number)
            await made.checkpoint(number)
    assert [part.checkpoint.number for part in made.parts] == list(range(1, 301))
    assert len(made.parts[-1].sinks[0].unpublished) == 300


async def test_no_barrier_waits_for_a_receiver_that_is_away() -> None:
    shelf = Shelf(receiver=False)
    async with bench(shelf) as made:
        for number in range(1, 101):
            made.feed(number)
            await made.checkpoint(number)
            made.job.committed(number)
        assert made.job.unpublished == 100
    assert len(made.parts) == 100
    assert (shelf.visible, made.published) == ([], [])


async def test_a_restored_sink_works_while_its_receiver_is_away(autojump_clock: Any) -> None:
    del autojump_clock
    shelf = Shelf(receiver=False)
    async with bench(shelf, restored=([7, 8],)) as made:
        made.feed(9)
        await made.checkpoint(1)
        assert [part.checkpoint.number for part in made.parts] == [1]
        made.job.committed(1)
        shelf.receiver = True
        await trio.sleep(2 * PUBLISH_AGAIN_S)
    assert made.published == [1]
    assert shelf.visible == [7, 8, 9]


async def test_a_sink_whose_receiver_is_away_keeps_no_other_from_publishing() -> None:
    away, there = Shelf(receiver=False), Shelf()
    async with bench(away, there) as made:
        for number in (1, 2):
            made.feed(number)
            await made.checkpoint(number)
            made.job.committed(number)
            await wait_all_tasks_blocked()
        assert there.visible == [1, 2]
        assert away.visible == []
        assert made.published == []  # not all that the checkpoints hold


async def test_a_checkpoint_is_published_when_all_sinks_have(autojump_clock: Any) -> None:
    del autojump_clock
    slow, there = Shelf(receiver=False), Shelf()
    async with bench(slow, there) as made:
        for number in (1, 2):
            made.feed(number)
            await made.checkpoint(number)
            made.job.committed(number)
        slow.receiver = True
        await trio.sleep(2 * PUBLISH_AGAIN_S)
    assert made.published == [2]
    assert slow.visible == there.visible == [1, 2]


async def test_pauses_between_attempts_grow_and_status_says_since_when(autojump_clock: Any) -> None:
    del autojump_clock
    shelf = Shelf(receiver=False)
    async with bench(shelf) as made:
        (sink,) = made.job.sinks
        made.feed(1)
        await made.checkpoint(1)
        assert sink.waits == ""
        made.job.committed(1)
        await trio.sleep(60)
        assert re.fullmatch(r"the receiver is away \(since \d{4}-\d\d-\d\d .*Z\)", sink.waits)
        assert 60 / PUBLISH_AGAIN_MAX_S <= shelf.attempts <= 8 + 60 / (PUBLISH_AGAIN_MAX_S / 2)
        said = sink.waits
        await trio.sleep(5)
        assert sink.waits == said, "it is since when the oldest waits"
        told = sink.publishing
        assert (told.failures, told.published, told.last_published) == (shelf.attempts, 0, None)
        assert told.failing_since is not None
        since = told.failing_since
        await trio.sleep(PUBLISH_AGAIN_MAX_S)
        assert told.failing_since == since, "it is since the first failure"
        shelf.receiver = True
        await trio.sleep(PUBLISH_AGAIN_MAX_S)
        assert (sink.waits, shelf.visible) == ("", [1])
        assert told.failures >= 1
        assert (told.published, told.failing_since) == (1, None)
        assert told.last_published is not None
        assert told.last_published >= since


async def test_a_receiver_that_does_not_answer_shows(autojump_clock: Any) -> None:
    del autojump_clock
    shelf = Shelf(answers_after_s=SAID_AFTER_S + 5)
    async with bench(shelf) as made:
        (sink,) = made.job.sinks
        made.feed(1)
        await made.checkpoint(1)
        made.job.committed(1)
        await trio.sleep(SAID_AFTER_S / 2)
        assert sink.waits == ""
        await trio.sleep(SAID_AFTER_S / 2 + 1)
        assert sink.waits.startswith("no answer yet (since ")
        await trio.sleep(5)
        assert sink.waits == ""


async def test_sources_are_to_pause_when_the_writer_finds_that_too_much_waits() -> None:
    shelf = Shelf(receiver=False, full_at=3)
    async with bench(shelf) as made:
        for number in (1, 2, 3):
            assert made.job.unpublished == number - 1
            made.feed(number)
            await made.checkpoint(number)
            assert made.job.unpublished == number - 1, "what is not committed is not bounded"
            made.job.committed(number)
        assert made.job.unpublished == FULL
        assert made.job.sinks[0].unpublished == 3
