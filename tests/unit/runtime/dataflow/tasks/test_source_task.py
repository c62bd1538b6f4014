"""A source instance whose partitions appear and go, and whose server may be away."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs
from support.patience import patiently
from support.shelves import Shelf, ShelvesSource, lines_of

import wallarood as w
from wallarood.flow.align import Alignment
from wallarood.flow.source_time import SourceTime
from wallarood.model.batch import Barrier, Batch, Loaded, Reading
from wallarood.model.checkpoint import CheckpointId, Restored, SourcePosition
from wallarood.model.errors import errors_in
from wallarood.model.time import SECOND, Condition, TimeSettings
from wallarood.runtime.dataflow.build.partitions import restored_of, was_listed
from wallarood.runtime.dataflow.counters import SourceCounters
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.tasks.source_task import LISTING, SourceTask

INPUT = (-1, "alpha")
TIME = TimeSettings()


async def eventually(is_so: Callable[[], object]) -> None:
    with patiently(10):
        while not is_so():  # noqa: ASYNC110
            await trio.sleep(0.01)


@attrs.define(eq=False)
class Read:
    """A running source, and what it has handed over."""

    task: SourceTask
    items: list[Any] = attrs.field(factory=list)

    @property
    def records(self) -> list[str]:
        return [each for item in self.items if isinstance(item, Batch) for each in item.values]

    def told(self, partition: str) -> list[Condition]:
        found = [each for each in self.items if isinstance(each, Reading)]
        return [each.condition for each in found if each.partition == partition]

    async def until(self, *records: str) -> None:
        await eventually(lambda: sorted(self.records) == sorted(records))


@asynccontextmanager
async def reading(
    source: Any,
    *positions: SourcePosition,
    mine: str = "",
    time: TimeSettings = TIME,
    **context: Any,
) -> AsyncIterator[Read]:
    """Run *source* with the *positions* of a checkpoint; read only names that begin with *mine*."""
    gate, inbox = Gate(), Inbox([INPUT], batches_max=8, batch_records_max=100)
    gate.open("start")
    task = SourceTask(
        step="in",
        source=source,
        partitions={each.partition: SourceCounters(0, each.position) for each in positions},
        inbox=inbox,
        input=INPUT,
        gate=gate,
        context=w.SourceContext("in", "alpha", **context),
        is_mine=lambda name: name.startswith(mine),
        source_time=SourceTime(time),
        of_table=True,
    )
    made = Read(task)

    async def take() -> None:
        alignment = Alignment([INPUT])
        while True:
            made.items.append((await inbox.get(alignment))[1])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        nursery.start_soon(task.run)
        yield made
        nursery.cancel_scope.cancel()


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{each}\n" for each in lines)


async def test_a_partition_that_appears_is_read_and_is_in_the_next_checkpoint(
    tmp_path: Path,
) -> None:
    append(tmp_path / "a", "a1")
    append(tmp_path / "other", "o1")
    source = ShelvesSource(str(tmp_path))
    async with reading(source, mine="a") as made:
        await made.until("a1")
        assert made.task.put_barrier(Barrier(1, 1)) == (SourcePosition("in", "a", 1, False),)
        append(tmp_path / "a2", "b1", "b2")
        await made.until("a1", "b1", "b2")
        positions = made.task.put_barrier(Barrier(1, 2))
        append(tmp_path / "a2", "b3")
        await made.until("a1", "b1", "b2", "b3")
    assert positions == (
        SourcePosition("in", "a", 1, False),
        SourcePosition("in", "a2", 2, False),
    )
    async with reading(source, *positions, mine="a") as made:
        await made.until("b3")


async def test_time_waits_for_the_first_listing_and_for_what_it_finds(tmp_path: Path) -> None:
    directory = tmp_path / "later"
    async with reading(ShelvesSource(str(directory))) as made:
        await trio.sleep(0.1)
        assert made.told(LISTING) == []
        directory.mkdir()
        append(directory / "a", "a1")
        await made.until("a1")
        assert made.told(LISTING) == [Condition.IDLE]
        assert made.told("a") == [Condition.UNOPENED, Condition.ACTIVE]
        conditions = [each for each in made.items if isinstance(each, Reading)]
        assert conditions[0].partition == "a", "it holds time before the listing lets it go"


async def test_a_table_is_loaded_when_what_the_first_listing_finds_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "later"
    async with reading(ShelvesSource(str(directory))) as made:
        await eventually(lambda: made.task.waits)
        assert not any(isinstance(each, Loaded) for each in made.items)
        directory.mkdir()
        append(directory / "a", "a1")
        append(directory / "b", "b1")
        await eventually(lambda: any(isinstance(each, Loaded) for each in made.items))
        assert sorted(made.records) == ["a1", "b1"]


@attrs.define(eq=False)
class Behind(Shelf):
    """A reader that has not caught up until its file says "end"."""

    @property
    def caught_up(self) -> bool:
        return "end" in lines_of(self.path)[1]


@attrs.frozen
class BehindSource(ShelvesSource):
    """One of which "a" is a long one."""

    async def open(self, partition: str, position: Any, context: w.SourceContext) -> Shelf:
        reader = await ShelvesSource.open(self, partition, position, context)
        kind = Behind if partition == "a" else Shelf
        return kind(reader.path, reader.position, reader.most)


async def test_what_appears_later_does_not_make_a_table_loaded(tmp_path: Path) -> None:
    append(tmp_path / "a", "a1")
    async with reading(BehindSource(str(tmp_path))) as made:
        await made.until("a1")
        append(tmp_path / "b", "b1")
        await made.until("a1", "b1")
        append(tmp_path / "b", "b2")
        await made.until("a1", "b1", "b2")
        assert not any(isinstance(each, Loaded) for each in made.items)
        append(tmp_path / "a", "end")
        await eventually(lambda: any(isinstance(each, Loaded) for each in made.items))


async def test_a_server_that_is_away_is_waited_for_and_nothing_is_read_twice(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "shelves"
    directory.mkdir()
    append(directory / "a", "a1")
    async with reading(ShelvesSource(str(directory))) as made:
        await made.until("a1")
        directory.rename(tmp_path / "away")
        await eventually(lambda: made.task.waits)
        assert f"{directory} is not there (since " in made.task.waits
        append(tmp_path / "away" / "a", "a2")
        (tmp_path / "away").rename(directory)
        await made.until("a1", "a2")
        await eventually(lambda: not made.task.waits)


async def test_one_that_may_go_ends(tmp_path: Path) -> None:
    for name in ("a", "b"):
        append(tmp_path / name, f"{name}1")
    async with reading(ShelvesSource(str(tmp_path), on_gone="end")) as made:
        await made.until("a1", "b1")
        (tmp_path / "a").unlink()
        await eventually(lambda: Condition.ENDED in made.told("a"))
        append(tmp_path / "b", "b2")
        await made.until("a1", "b1", "b2")
        assert made.task.put_barrier(Barrier(1, 1))[0] == SourcePosition("in", "a", 1, True)


@attrs.define(eq=False)
class Slow:
    """A consumer that processes in the task of the source, and waits amid it."""

    began: trio.Event = attrs.field(factory=trio.Event)
    go_on: trio.Event = attrs.field(factory=trio.Event)
    done: list[str] = attrs.field(factory=list)

    def is_small(self, records: int) -> bool:
        return records > 0

    async def process(self, batch: Batch, source: Any) -> None:
        del source
        self.began.set()
        await self.go_on.wait()
        self.done.extend(batch.values)


async def test_one_that_goes_does_not_cut_what_is_processed(tmp_path: Path) -> None:
    append(tmp_path / "a", "a1")
    slow = Slow()
    async with reading(ShelvesSource(str(tmp_path), on_gone="end")) as made:
        await made.until("a1")
        made.task.inbox.consumer = slow
        append(tmp_path / "a", "a2", "a3")
        with patiently(10):
            await slow.began.wait()
        with capture_logs() as logs:
            (tmp_path / "a").unlink()
            await eventually(lambda: "source partition is gone" in [e["event"] for e in logs])
        slow.go_on.set()
        await eventually(lambda: Condition.ENDED in made.told("a"))
        assert slow.done == ["a2", "a3"]
        assert made.task.put_barrier(Barrier(1, 1)) == (SourcePosition("in", "a", 3, True),)


async def _until_it_goes(directory: Path) -> None:
    async with reading(ShelvesSource(str(directory))) as made:
        await made.until("a1")
        (directory / "a").unlink()
        with patiently():
            await trio.sleep_forever()


async def test_one_that_must_not_go_stops_the_source(tmp_path: Path) -> None:
    append(tmp_path / "a", "a1")
    with pytest.raises(ExceptionGroup) as caught:
        await _until_it_goes(tmp_path)
    (error,) = errors_in(caught.value)
    assert isinstance(error, w.ApplicationError)
    assert "source 'in': partition 'a' is gone" in error.message


async def test_a_position_that_is_gone_is_never_skipped(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("removed 5\na6\n")
    with pytest.raises(ExceptionGroup) as caught, patiently():
        async with reading(ShelvesSource(str(tmp_path)), SourcePosition("in", "a", 3, False)):
            await trio.sleep_forever()
    (error,) = errors_in(caught.value)
    assert isinstance(error, w.PositionGoneError)
    assert error.message.startswith("shelves: position 3 of a is gone: the lowest that is there is")


@attrs.frozen
class LatestSource(ShelvesSource):
    """One that begins at the end of what a new cluster finds."""

    async def open(self, partition: str, position: Any, context: w.SourceContext) -> Shelf:
        if position is None and not context.appeared:
            position = len(lines_of(Path(self.directory) / partition)[1])
        reader = await ShelvesSource.open(self, partition, position, context)
        return Begun(reader.path, reader.position, reader.most)


@attrs.define(eq=False)
class Begun(Shelf):
    """A reader that says first where it has begun."""

    said: bool = False

    async def read(self) -> w.SourceBatch[str] | None:
        if not self.said:
            self.said = True
            return w.SourceBatch([], self.position)
        return await Shelf.read(self)


async def test_one_that_begins_at_the_end_reads_from_the_beginning_what_appears(
    tmp_path: Path,
) -> None:
    append(tmp_path / "a", "old")
    source = LatestSource(str(tmp_path))
    async with reading(source) as made:
        await eventually(lambda: [each.position for each in made.task.partitions.values()] == [1])
        positions = made.task.put_barrier(Barrier(1, 1))
        assert positions == (SourcePosition("in", "a", 1, False),), "where it has begun"
        append(tmp_path / "b", "b1")
        await made.until("b1")
    append(tmp_path / "a", "a2")
    async with reading(source, *positions, appeared=True) as made:
        await made.until("a2", "b1")


async def test_what_the_first_listing_finds_has_not_appeared_also_after_a_restart(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "later"
    source = LatestSource(str(directory))
    async with reading(source) as made:
        await eventually(lambda: made.task.waits)
        unlisted = made.task.put_barrier(Barrier(1, 1))
    restored = Restored(CheckpointId(1, 1), unlisted)
    assert restored_of(restored, "in") == {}
    directory.mkdir()
    append(directory / "a", "old")
    async with reading(source, appeared=was_listed(restored, "in")) as made:
        await eventually(lambda: [each.position for each in made.task.partitions.values()] == [1])
        positions = made.task.put_barrier(Barrier(1, 2))
        append(directory / "a", "a2")
        await made.until("a2")
    assert positions == (SourcePosition("in", "a", 1, False),)
    assert was_listed(Restored(CheckpointId(1, 2), positions), "in")
    directory.rename(tmp_path / "away")
    async with reading(source, *positions, appeared=True) as made:
        await eventually(lambda: made.task.waits)
        assert made.task.put_barrier(Barrier(1, 3)) == positions, "it was listed in another life"


async def test_one_that_appeared_and_was_not_read_before_the_end_appears_again(
    tmp_path: Path,
) -> None:
    append(tmp_path / "a", "old")
    source = LatestSource(str(tmp_path))
    async with reading(source) as made:
        await eventually(lambda: [each.position for each in made.task.partitions.values()] == [1])
        made.task.gate.close("checkpoint", "a checkpoint is taken")
        append(tmp_path / "b", "b1")
        await eventually(lambda: "b" in made.task.partitions)
        positions = made.task.put_barrier(Barrier(1, 1))
    assert positions == (SourcePosition("in", "a", 1, False),)
    append(tmp_path / "b", "b2")
    async with reading(source, *positions, appeared=True) as made:
        await made.until("b1", "b2")


class Telling:
    """A source, and its reader, that only tells positions: as where transactions are aborted."""

    record, bounded, scope = str, False, w.Scope.SHARED
    position = 0

    async def open(self, *_: Any) -> "Telling":
        await trio.lowlevel.checkpoint()
        return self

    async def read(self) -> w.SourceBatch[str]:
        await trio.sleep(0.01)
        self.position += 1
        return w.SourceBatch([], self.position)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_partition_that_only_tells_positions_becomes_idle() -> None:
    at = SourcePosition("in", "a", 0, False)
    async with reading(Telling(), at, time=TimeSettings(idle=SECOND // 5)) as made:
        await eventually(lambda: Condition.IDLE in made.told("a"))
        await eventually(lambda: made.task.partitions["a"].position >= 2)
        (told,) = made.task.put_barrier(Barrier(1, 1))
        assert told.position >= 2


@attrs.define(eq=False)
class Quiet:
    """A source whose server is away at first, and then has nothing to read."""

    opened: int = 0
    caught_up: bool = False
    answers: trio.Event = attrs.field(factory=trio.Event)
    bounded: bool = False
    scope: w.Scope = w.Scope.SHARED
    record: Any = str

    def partitions(self) -> list[str]:
        return ["a"]

    def size_bytes(self, partition: str) -> None: ...

    async def open(self, *_: Any) -> "Quiet":
        self.opened += 1
        return self

    async def read(self) -> None:
        if self.opened == 1:
            raise w.ServerAwayError("nobody is there")
        await self.answers.wait()
        self.caught_up = True
        await trio.sleep_forever()

    async def committed(self, position: Any) -> None: ...

    async def aclose(self) -> None: ...


async def test_a_server_that_is_back_and_has_nothing_is_not_away_any_more() -> None:
    source = Quiet()
    async with reading(source, SourcePosition("in", "a", 1, ended=False)) as made:
        await eventually(lambda: source.opened == 2)
        assert made.task.waits.startswith("nobody is there (since ")
        away = made.task.away_of("a")
        assert away is not None
        assert (away.again, away.since is not None) == (1, True)
        source.answers.set()
        await eventually(lambda: not made.task.waits)
        assert (away.again, away.since) == (1, None)
        assert made.task.away_of("b") is None
