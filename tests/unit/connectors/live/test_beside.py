"""What runs beside a reader: until it is closed, and its errors come out where it is read."""

import pytest
import trio
from support.patience import patiently

from wallarood.connectors.live.beside import Beside


async def test_it_runs_until_it_is_closed() -> None:
    told: list[str] = []
    beside = Beside(lambda: told.append("failed"))

    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            told.append("ended")

    beside.start(run, "run")
    await trio.testing.wait_all_tasks_blocked()
    assert told == []
    await beside.aclose()
    assert told == ["ended"]
    assert beside.failure is None


async def test_what_was_never_started_can_be_closed() -> None:
    await Beside(lambda: None).aclose()


@pytest.mark.parametrize("grouped", [False, True])
async def test_an_error_is_kept_and_told(grouped: bool) -> None:
    failed = trio.Event()
    beside = Beside(failed.set)

    async def fail() -> None:
        raise ValueError("no")

    async def run() -> None:
        if not grouped:
            await fail()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail)

    beside.start(run, "run")
    with patiently(5):
        await failed.wait()
    assert isinstance(beside.failure, ValueError)
    await beside.aclose()


async def test_it_is_closed_although_its_owner_is_cancelled() -> None:
    ended: list[bool] = []
    beside = Beside(lambda: None)

    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.01)
            ended.append(True)

    beside.start(run, "run")
    await trio.testing.wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await beside.aclose()
    assert ended == [True]
