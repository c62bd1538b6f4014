"""The sink as it stands in a pipeline: cheap, checked, and asked whether its server is there."""

import pytest
import trio
from support.shelf import OnShelf, Shelf

import wallarood as w


def test_a_bound_of_nothing_is_refused() -> None:
    with pytest.raises(w.ApplicationError, match="spool_bytes_max=0: expected 1 or more"):
        Shelf().sink(spool_bytes_max=0)


async def test_a_check_asks_the_server_and_closes() -> None:
    said: list[str] = []

    class Checked(OnShelf):
        async def check(self) -> None:
            await trio.lowlevel.checkpoint()
            raise w.WallaroodError("no permission")

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()
            said.append(f"{self.writer} closed")

    shelf = Shelf()
    with pytest.raises(w.WallaroodError, match="no permission"):
        await w.SpooledSink(lambda name: Checked(shelf, name), server="x").check_connected()
    assert said == ["wallarood-check closed"]
    assert shelf.asked == 0, "a check fences nobody"
