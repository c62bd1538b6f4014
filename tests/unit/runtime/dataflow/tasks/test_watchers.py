"""Each read of a source is noted by all that watch it, and none of them need be there."""

from typing import Any

import attrs
import trio
from trio.testing import MockClock

from wallarood.flow.source_time import SourceTime
from wallarood.model.time import Condition, TimeSettings
from wallarood.runtime.dataflow.tasks.loading import Loading
from wallarood.runtime.dataflow.tasks.watchers import Watchers
from wallarood.runtime.timing.drift import Drift
from wallarood.runtime.timing.idleness import Idleness


@attrs.define
class Reader:
    caught_up: bool = True


@attrs.define
class Told:
    """A source of two partitions, one behind the other, and what its watchers tell."""

    idle: list[str] = attrs.field(factory=list)
    loaded: list[None] = attrs.field(factory=list)
    readers: dict[str, Any] = attrs.field(factory=lambda: {"a": Reader(), "b": Reader()})

    def watchers(self) -> Watchers:
        time = SourceTime(TimeSettings(out_of_order=0, drift=10))
        time.expect(["a", "b"])
        for name, stamp in (("a", 0), ("b", 100)):
            time.tell(name, Condition.ACTIVE)
            time.observe(name, stamp)
        return Watchers(
            Drift(time, 10),
            Idleness(60.0, lambda: True, lambda _: True, self.idle.append),
            Loading({"a"}, self.readers),
        )

    def start(self, watchers: Watchers, nursery: trio.Nursery) -> None:
        watchers.start(nursery, lambda: self.loaded.append(None), called="source 's'")


async def test_a_partition_too_far_ahead_is_not_awaited_by_anybody(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    watchers = told.watchers()
    async with trio.open_nursery() as nursery:
        told.start(watchers, nursery)
        nursery.start_soon(watchers.read_begins, "b")
        await trio.sleep(100)
        assert told.idle == [], "it is held up, which is not idle"
        await watchers.read_begins("a")
        await trio.sleep(100)
        assert told.idle == ["a"]
        nursery.cancel_scope.cancel()


async def test_a_table_is_loaded_once_all_that_were_listed_have_caught_up(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    watchers = told.watchers()
    async with trio.open_nursery() as nursery:
        told.start(watchers, nursery)
        watchers.listed("b")
        await watchers.read_begins("a")
        await trio.sleep(1)
        assert told.loaded == []
        watchers.ended("b")
        await trio.sleep(1)
        assert told.loaded == [None]
        nursery.cancel_scope.cancel()


async def test_what_is_not_awaited_any_more_is_neither_idle_nor_loaded(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    told.readers["a"].caught_up = False
    watchers = told.watchers()
    async with trio.open_nursery() as nursery:
        told.start(watchers, nursery)
        await watchers.read_begins("a")
        watchers.read_ends("a")
        told.readers["a"].caught_up = True
        await trio.sleep(100)
        assert (told.idle, told.loaded) == ([], [])
        nursery.cancel_scope.cancel()


async def test_a_source_without_time_and_table_is_watched_by_none() -> None:
    watchers = Watchers(None, None, None)
    async with trio.open_nursery() as nursery:
        watchers.start(nursery, lambda: None, called="source 's'")
        assert not nursery.child_tasks
    await watchers.read_begins("a")
    watchers.read_ends("a")
    watchers.listed("a")
    watchers.ended("a")
