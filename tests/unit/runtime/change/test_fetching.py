"""Who does not answer is asked again, and not for ever."""

import pytest
import trio
import trio.testing

from wallarood.model.errors import PeersGoneError, RemoteProtocolError
from wallarood.runtime.change.fetching import fetched_again


async def test_who_does_not_answer_at_once_is_asked_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    failures = [OSError("refused"), RemoteProtocolError("closed")]

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop()
        return "it"

    assert await fetched_again("beta", fetch) == "it"


async def test_who_never_answers_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        raise OSError("refused")

    with pytest.raises(PeersGoneError, match="beta does not hand over its copy: refused"):
        await fetched_again("beta", fetch)
