"""Which partitions are idle: only time in which they could have been read counts."""

import attrs
import trio
from trio.testing import MockClock

from wallarood.app.connector import SourceBatch
from wallarood.runtime.timing.idleness import Idleness


@attrs.define
class Watched:
    """A source with partitions whose circumstances a test sets."""

    open: bool = True
    behind: set[str] = attrs.field(factory=set)
    idle: list[str] = attrs.field(factory=list)

    def idleness(self) -> Idleness:
        return Idleness(60.0, lambda: self.open, lambda p: p not in self.behind, self.idle.append)


async def test_a_partition_that_reads_in_vain_for_long_is_idle_once(
    autojump_clock: MockClock,
) -> None:
    watched = Watched()
    idleness = watched.idleness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idleness.run)
        idleness.reads("p")
        await trio.sleep(55)
        assert watched.idle == []
        await trio.sleep(300)
        assert watched.idle == ["p"]
        idleness.has_read("p")
        await trio.sleep(300)
        idleness.reads("p")
        await trio.sleep(70)
        assert watched.idle == ["p", "p"]
        nursery.cancel_scope.cancel()


async def test_while_the_source_may_not_read_no_time_counts(autojump_clock: MockClock) -> None:
    watched = Watched()
    idleness = watched.idleness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idleness.run)
        idleness.reads("p")
        await trio.sleep(30)
        watched.open = False
        await trio.sleep(600)
        assert watched.idle == []
        watched.open = True
        await trio.sleep(25)
        assert watched.idle == []
        await trio.sleep(10)
        assert watched.idle == ["p"]
        nursery.cancel_scope.cancel()


async def test_a_partition_that_has_not_caught_up_is_not_idle(autojump_clock: MockClock) -> None:
    watched = Watched(behind={"p"})
    idleness = watched.idleness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idleness.run)
        idleness.reads("p")
        await trio.sleep(600)
        assert watched.idle == []
        watched.behind.clear()
        await trio.sleep(50)
        assert watched.idle == []
        nursery.cancel_scope.cancel()


async def test_a_position_without_records_does_not_end_idleness(autojump_clock: MockClock) -> None:
    watched = Watched()
    idleness = watched.idleness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idleness.run)
        for _ in range(8):
            idleness.reads("p")
            await trio.sleep(10)
            idleness.has_come("p", SourceBatch([], 1))
        assert watched.idle == ["p"]
        idleness.reads("p")
        await trio.sleep(10)
        idleness.has_come("p", SourceBatch([1], 2))
        await trio.sleep(600)  # nobody reads
        idleness.reads("p")
        await trio.sleep(50)
        assert watched.idle == ["p"]
        await trio.sleep(20)
        assert watched.idle == ["p", "p"]
        nursery.cancel_scope.cancel()
