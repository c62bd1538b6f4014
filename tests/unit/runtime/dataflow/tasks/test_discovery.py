"""Partitions that appear and go: told once, gone only when two listings lack them."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs

import wallarood as w
from wallarood.runtime.dataflow.tasks.away import Away
from wallarood.runtime.dataflow.tasks.discovery import Discovery


@attrs.define
class Listed:
    """A source of which each listing is the next of `listings`, the last one for ever."""

    listings: list[list[str] | Exception]
    on_gone: str = "stop"
    discover_s: float = 10.0

    async def discover(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        found = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
        if isinstance(found, Exception):
            raise found
        return found


async def told(source: Listed, *, wait_s: float, ended: Sequence[str] = ()) -> list[str]:
    """What was told within *wait_s*; partitions that begin with an x are another worker's.

    Those that have *ended* did so before.
    """
    said = [f"-{name}" for name in ended]
    known = list(ended)

    def new(name: str) -> None:
        said.append(f"+{name}")
        known.append(name)

    discovery = Discovery(
        step="in",
        source=source,
        away=Away("source 'in'"),
        known=lambda: [each for each in known if f"-{each}" not in said],
        ended=lambda: [each for each in known if f"-{each}" in said],
        is_known=known.__contains__,
        is_mine=lambda name: not name.startswith("x"),
        on_new=new,
        on_gone=lambda name: said.append(f"-{name}"),
        on_listed=lambda: said.append("listed"),
    )
    with trio.move_on_after(wait_s):
        await discovery.run()
    return said


async def test_each_is_told_once_and_others_not(autojump_clock: Any) -> None:
    del autojump_clock
    source = Listed([["a", "x1"], ["a", "b", "b"], ["b", "a", "x1"]])
    assert await told(source, wait_s=100) == ["+a", "listed", "+b"]


async def test_one_listing_that_lacks_it_is_not_believed(autojump_clock: Any) -> None:
    del autojump_clock
    assert await told(Listed([["a"], [], ["a"], [], ["a"]]), wait_s=100) == ["+a", "listed"]
    source = Listed([["a"], [], ["a"], []])
    with pytest.raises(w.ApplicationError, match="source 'in': partition 'a' is gone: it is not"):
        await told(source, wait_s=100)


async def test_one_that_may_go_ends_and_does_not_begin_again(autojump_clock: Any) -> None:
    del autojump_clock
    source = Listed([["a", "b"], ["b"], ["b"], ["b"], ["b", "a"]], on_gone="end")
    with capture_logs() as logs:
        assert await told(source, wait_s=200) == ["+a", "+b", "listed", "-a"]
    (again,) = (each for each in logs if "listed again" in each["event"])
    assert (again["log_level"], again["source"], again["partition"]) == ("warning", "in", "a")
    assert "another name" in again["event"]


async def test_one_that_had_ended_is_warned_of_after_a_restart_too(autojump_clock: Any) -> None:
    del autojump_clock
    source = Listed([["b", "c"], ["a", "b", "c"]], on_gone="end")
    with capture_logs() as logs:
        assert await told(source, wait_s=50, ended=["a", "c"]) == ["-a", "-c", "+b", "listed"]
    again = [each["partition"] for each in logs if "listed again" in each["event"]]
    assert again == ["a"]  # c has ended by itself, and was listed all the time


async def test_a_server_that_is_away_is_asked_again(autojump_clock: Any) -> None:
    del autojump_clock
    away = w.ServerAwayError("nobody is there")
    assert await told(Listed([away, away, ["a"]]), wait_s=20) == ["+a", "listed"]
    assert await told(Listed([["a"], away, away, [], away, ["a"]]), wait_s=200) == ["+a", "listed"]


async def test_other_failures_name_the_source() -> None:
    with pytest.raises(w.ApplicationError, match=r"source 'in' failed at .*: .no such topic.$"):
        await told(Listed([KeyError("no such topic")]), wait_s=1)
