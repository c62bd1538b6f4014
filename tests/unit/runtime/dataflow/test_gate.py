"""The gate of sources: closed as long as one holder has a reason."""

import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.runtime.dataflow.gate import Gate


def test_it_is_closed_until_the_start_opens_it() -> None:
    gate = Gate()
    assert (gate.is_open, gate.reason) == (False, "starting")
    gate.open("start")
    assert (gate.is_open, gate.reason) == (True, "")


def test_every_holder_has_a_reason_and_must_open_it_for_itself() -> None:
    gate = Gate()
    gate.open("start")
    gate.close("peers", "waiting for beta")
    gate.close("stop", "stopping")
    gate.close("stop", "stopping now")
    gate.open("a stranger")
    assert gate.reason == "waiting for beta; stopping now"
    gate.open("peers")
    assert (gate.is_open, gate.reason) == (False, "stopping now")
    gate.open("stop")
    assert gate.is_open


async def test_who_waits_passes_only_when_it_is_open_at_that_moment() -> None:
    gate = Gate()
    passed = trio.Event()

    async def source() -> None:
        await gate.wait_open()
        passed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(source)
        await wait_all_tasks_blocked()
        gate.open("start")
        gate.close("peers", "waiting for beta")  # before the source has had its turn
        await wait_all_tasks_blocked()
        assert not passed.is_set()
        gate.open("peers")
        await wait_all_tasks_blocked()
        assert passed.is_set()
