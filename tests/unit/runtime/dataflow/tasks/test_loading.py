"""When the partitions of an endless source have been read as far as they went."""

from typing import Any

import attrs
import trio
from trio.testing import MockClock

from wallarood.runtime.dataflow.tasks.loading import Loading


@attrs.define
class Reader:
    caught_up: bool = False


class Silent:
    """A reader that does not say whether it has caught up."""


async def is_loaded(loading: Loading) -> bool:
    with trio.move_on_after(1) as scope:
        await loading.wait()
    return not scope.cancelled_caught


async def test_all_partitions_must_have_caught_up(autojump_clock: MockClock) -> None:
    readers: dict[str, Any] = {"a": Reader(), "b": Reader()}
    loading = Loading({"a", "b"}, readers)
    loading.reads("a")
    loading.reads("b")
    assert not await is_loaded(loading)
    readers["a"].caught_up = True
    assert not await is_loaded(loading)
    loading.has_read("a")
    readers["a"].caught_up = False
    readers["b"].caught_up = True
    assert await is_loaded(loading), "once is enough"


async def test_what_was_read_is_handed_on_before_it_counts(autojump_clock: MockClock) -> None:
    readers: dict[str, Any] = {"a": Reader()}
    loading = Loading({"a"}, readers)
    loading.reads("a")
    loading.has_read("a")
    readers["a"].caught_up = True
    assert not await is_loaded(loading)
    loading.reads("a")
    assert await is_loaded(loading)


async def test_nobody_waits_for_a_reader_that_does_not_say(autojump_clock: MockClock) -> None:
    loading = Loading({"a", "b"}, {"a": Silent(), "b": Silent()})
    assert not await is_loaded(loading)
    loading.reads("a")
    assert not await is_loaded(loading)
    loading.ended("b")
    assert await is_loaded(loading)


async def test_a_worker_that_reads_nothing_has_it_all(autojump_clock: MockClock) -> None:
    assert await is_loaded(Loading(set(), {}))


async def test_what_appears_later_stands_for_none_that_was_there(
    autojump_clock: MockClock,
) -> None:
    loading = Loading({"a"}, {"a": Reader(), "later": Silent()})
    loading.reads("a")
    loading.reads("later")
    loading.ended("gone")
    assert not await is_loaded(loading)
