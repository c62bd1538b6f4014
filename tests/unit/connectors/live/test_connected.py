"""A connection that is lost is made again; one that is refused at first is not."""

import itertools
from collections.abc import Callable

import attrs
import pytest
import trio

from wallarood.connectors.live.connected import AGAIN_MAX_S, keep_connected
from wallarood.model.errors import ConfigurationError, ServerAwayError


@attrs.define
class Told:
    said: list[str] = attrs.field(factory=list)

    def lost(self, error: ServerAwayError) -> None:
        self.said.append(f"lost: {error.message}")

    def found(self) -> None:
        self.said.append("found")


async def test_pauses_grow_until_it_is_there(autojump_clock: trio.testing.MockClock) -> None:
    told, at = Told(), list[float]()

    async def converse(is_there: Callable[[], None]) -> None:
        at.append(trio.current_time())
        if len(at) == 12:
            is_there()
        raise ServerAwayError(f"{len(at)}")

    with trio.move_on_after(200):
        await keep_connected(told, converse)
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert pauses[0] <= 0.5
    assert 0.5 * AGAIN_MAX_S <= pauses[10] <= AGAIN_MAX_S
    assert pauses[11] <= 0.5, "it was there, so pauses begin again"
    assert told.said[10:13] == ["lost: 11", "found", "lost: 12"]


async def test_a_first_connection_that_is_refused_is_an_error() -> None:
    async def converse(is_there: Callable[[], None]) -> None:
        raise ConfigurationError("wrong password")

    with pytest.raises(ConfigurationError, match="wrong password"):
        await keep_connected(Told(), converse)


async def test_one_that_is_refused_later_is_only_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = Told()

    async def converse(is_there: Callable[[], None]) -> None:
        if not told.said:
            is_there()
        raise ConfigurationError("wrong password")

    with trio.move_on_after(5):
        await keep_connected(told, converse)
    assert told.said[:3] == ["found", "lost: wrong password", "lost: wrong password"]
