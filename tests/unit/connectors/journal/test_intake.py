"""What is handed in is durable before anybody is told, and is read once, from memory or disk."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently
from trio.testing import wait_all_tasks_blocked

from wallarood.app.connector import SourceContext, SourceLimits, Unreadable
from wallarood.connectors.journal import intake as module
from wallarood.connectors.journal.files import check_journal
from wallarood.connectors.journal.handed import Handed
from wallarood.connectors.journal.intake import Intake, open_intake
from wallarood.connectors.journal.replay import Taken
from wallarood.model.errors import ApplicationError, DamagedStateError, ServerAwayError
from wallarood.model.pipeline import ErrorPolicy


def decode(payload: bytes) -> Taken:
    if payload.startswith(b"bad"):
        return Unreadable("bad", payload), 0
    return int(payload), int(payload) * 10


async def opened(directory: Path, position: int | None = None, **options: Any) -> Intake:
    limits = SourceLimits(batch_records_max=7, batch_bytes_max=100)
    context = SourceContext("in", directory=str(directory), limits=limits)
    options = {"name": "j", "bytes_max": 1 << 20, **options}
    intake = await open_intake(context, position, decode, **options)

    async def nothing(_: Intake) -> None:
        await trio.sleep_forever()

    intake.start(nothing, "nothing")
    return intake


def handed(*numbers: int, **options: Any) -> Handed:
    payloads = [str(number).encode() for number in numbers]
    return Handed(
        [("", 0, each) for each in payloads], [decode(each) for each in payloads], **options
    )


async def read(intake: Intake, count: int) -> tuple[list[Any], Any]:
    found: list[Any] = []
    position = None
    with patiently(10):
        while len(found) < count:
            batch = await intake.read()
            assert batch.times == [number * 10 for number in batch.records]
            found += batch.records
            position = batch.position
    return found, position


async def test_what_is_kept_is_read_in_order_and_again(tmp_path: Path) -> None:
    intake = await opened(tmp_path)
    for number in range(20):
        await intake.keep([("", 0, b"%d" % number)], [decode(b"%d" % number)])
    assert not intake.caught_up
    assert await read(intake, 20) == (list(range(20)), 20)
    assert intake.caught_up
    await intake.aclose()
    again = await opened(tmp_path, 13)
    assert await read(again, 7) == (list(range(13, 20)), 20)
    await again.aclose()


async def test_it_is_said_to_be_kept_in_order_when_it_is(tmp_path: Path) -> None:
    intake, told = await opened(tmp_path), list[int]()
    for number in range(50):
        intake.hand_in(handed(number, kept=partial(told.append, number)))
    assert told == []
    await intake.settled()
    assert told == list(range(50))
    assert intake.journal.next == 50
    await intake.aclose()
    assert check_journal(tmp_path / "j") == []


async def test_a_reader_that_is_slow_or_behind_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than memory may hold, read at random moments, with checkpoints between."""
    monkeypatch.setattr(module, "MEMORY_BYTES_MAX", 60)
    monkeypatch.setattr("wallarood.connectors.journal.files.SEGMENT_BYTES", 300)
    rng, intake, found, made = random.Random(3), await opened(tmp_path), list[int](), 0
    while len(found) < 1500:
        if made < 1500:
            count = min(rng.randrange(1, 60), 1500 - made)
            for _ in range(count):
                intake.hand_in(handed(made))
                made += 1
                if rng.random() < 0.2:
                    await intake.settled()
        for _ in range(rng.randrange(4)):
            if len(found) < made:
                some, position = await read(intake, 1)
                found += some
                assert position == len(found)
        if rng.random() < 0.3:
            await intake.committed(len(found))
    assert found == list(range(1500))
    await intake.aclose()


async def test_a_read_that_is_cancelled_takes_nothing(tmp_path: Path) -> None:
    intake = await opened(tmp_path)
    with trio.move_on_after(0.05):
        await intake.read()
    await intake.keep([("", 0, b"1")], [decode(b"1")])
    with trio.CancelScope() as scope:
        scope.cancel()
        await intake.read()
    assert await read(intake, 1) == ([1], 1)
    await intake.aclose()


async def test_a_full_journal_has_no_room_until_it_is_cut(tmp_path: Path) -> None:
    intake = await opened(tmp_path, bytes_max=200)
    number = 0
    while not intake.is_full:
        intake.hand_in(handed(number))
        await intake.settled()
        number += 1
    with trio.move_on_after(0.1) as scope:
        await intake.room()
    assert scope.cancelled_caught
    await read(intake, number)
    await intake.committed(number)
    with patiently(5):
        await intake.room()
    await intake.aclose()


async def test_what_cannot_be_written_is_refused_or_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    intake, told = await opened(tmp_path), list[str]()
    await intake.keep([("", 0, b"1")], [decode(b"1")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("wallarood.connectors.journal.files.write_all", full)
        intake.hand_in(handed(2, kept=lambda: told.append("kept 2")))
        refused: Any = lambda error: told.append(error.message.rpartition(": ")[2])  # noqa: E731
        intake.hand_in(handed(3, refused=refused))
        while not told:
            await wait_all_tasks_blocked(0.01)
    assert told == ["No space left on device"]
    await intake.settled()
    assert told[1:] == ["kept 2"]
    assert await read(intake, 2) == ([1, 2], 2)
    await intake.aclose()


async def test_only_the_newest_names_are_remembered(tmp_path: Path) -> None:
    intake = await opened(tmp_path, repeats_max=3)
    for number in range(10):
        await intake.keep([(f"n{number}", number, b"%d" % number)], [decode(b"%d" % number)])
    assert intake.journal.highest == {"n7": 7, "n8": 8, "n9": 9}
    await intake.aclose()


async def test_a_server_that_is_away_is_said_when_all_is_read(tmp_path: Path) -> None:
    intake = await opened(tmp_path)
    await intake.keep([("", 0, b"1")], [decode(b"1")])
    intake.lost(ServerAwayError("no answer"))
    assert await read(intake, 1) == ([1], 1)
    with pytest.raises(ServerAwayError, match="no answer"):
        await intake.read()
    intake.found()
    assert (await intake.read()).records == []
    await intake.aclose()


async def test_what_is_unreadable_stops_or_is_given(tmp_path: Path) -> None:
    entry, taken = ("", 0, b"bad"), decode(b"bad")
    intake = await opened(tmp_path)
    await intake.keep([entry], [taken])
    assert [each.raw for each in (await intake.read()).unreadable] == [b"bad"]
    await intake.aclose()
    stopping = await opened(tmp_path, 0, policy=ErrorPolicy.STOP)
    with pytest.raises(ApplicationError, match="say on_error="):
        await stopping.read()
    await stopping.aclose()


async def test_a_failure_beside_comes_out_when_all_is_read(tmp_path: Path) -> None:
    context = SourceContext("in", directory=str(tmp_path))
    intake = await open_intake(context, None, decode, name="j", bytes_max=1000)

    async def fail(given: Intake) -> None:
        await given.keep([("", 0, b"1")], [decode(b"1")])
        raise ValueError("a bug")

    intake.start(fail, "fail")
    assert await read(intake, 1) == ([1], 1)
    with pytest.raises(ValueError, match="a bug"):
        await intake.read()
    await intake.aclose()


async def test_a_position_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedStateError, match="but the checkpoint continues from 5"):
        await opened(tmp_path, 5)
    with pytest.raises(ApplicationError, match="needs a state directory"):
        await open_intake(SourceContext("in"), None, decode, name="j", bytes_max=1)
