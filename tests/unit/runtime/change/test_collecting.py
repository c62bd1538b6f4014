"""What comes is sorted by state; the rest is tried where it is used, in `test_ahead`."""

from functools import partial
from typing import Any

import pytest
import trio

from wallarood.model.errors import PeersGoneError
from wallarood.runtime.change.collecting import OutdatedError, all_of, chain_in

HEAD: dict[str, Any] = {
    "chains": [
        {"computation": "count", "links": [[1, 2], [3, 1]]},
        {"computation": "sum", "links": [[1, 1]], "narrowed": True},
    ]
}


def test_the_chunks_of_a_computation_are_found_in_a_manifest() -> None:
    assert chain_in(HEAD, "count") == {
        "computation": "count",
        "links": [[1, 2], [3, 1]],
        "narrowed": False,
    }
    narrowed = chain_in(HEAD, "sum")
    assert narrowed is not None
    assert narrowed["narrowed"]
    assert chain_in(HEAD, "other") is None
    assert chain_in({}, "count") is None


async def test_parts_are_fetched_at_the_same_time() -> None:
    met = [trio.Event(), trio.Event()]

    async def fetch(mine: int) -> None:
        met[mine].set()
        await met[1 - mine].wait()

    await all_of(partial(fetch, each) for each in (0, 1))


@pytest.mark.parametrize("error", [PeersGoneError("alpha is gone"), OutdatedError()])
async def test_what_fails_ends_the_others_and_raises_as_it_is(error: Exception) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        await all_of([trio.sleep_forever, fail])
