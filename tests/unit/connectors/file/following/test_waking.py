"""When followed files are looked at: at once when told, else seldom; often where nothing tells."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from wallarood.connectors.file.following import waking as module
from wallarood.connectors.file.following.waking import Waking
from wallarood.connectors.file.following.watch import open_watch


@pytest.fixture
async def waking(tmp_path: Path) -> AsyncIterator[Waking]:
    """One that watches the directory of the test and has scanned it."""
    waking = Waking(open_watch())
    assert waking.look_at([str(tmp_path)], [])
    waking.restless = False
    waking.scanned(0.0, found=False, now=trio.current_time())
    yield waking
    waking.close()


async def waited(waking: Waking, *known: Path) -> tuple[frozenset[str] | None, float]:
    began = trio.current_time()
    written = await waking.wait({str(path) for path in known})
    return written, round(trio.current_time() - began, 6)


async def test_a_file_that_was_written_is_named_at_once(
    tmp_path: Path, waking: Waking, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a"
    path.touch()
    await waking.wait(frozenset())
    waking.scanned(0.0, found=False, now=trio.current_time())
    path.write_text("one")
    assert await waited(waking, path) == ({str(path)}, round(module.GATHER_S, 6))


async def test_what_is_not_known_is_looked_for_but_not_more_often_than_polling_would(
    tmp_path: Path, waking: Waking, autojump_clock: MockClock
) -> None:
    (tmp_path / "new").touch()
    assert await waited(waking) == (None, round(module.SCAN_S, 6))
    waking.scanned(0.01, found=True, now=trio.current_time())
    (tmp_path / "new").write_text("one")
    assert await waited(waking) == (None, round(0.01 * module.SCAN_SHARE, 6))


async def test_nothing_told_is_long_looked_at_by_nobody(
    waking: Waking, autojump_clock: MockClock
) -> None:
    for _ in range(3):
        assert await waited(waking) == (None, module.IDLE_S)
        waking.scanned(0.0, found=False, now=trio.current_time())
    assert waking.watch is not None


async def test_who_is_restless_polls(waking: Waking, autojump_clock: MockClock) -> None:
    waking.restless = True
    waking.scanned(0.0, found=False, now=trio.current_time())
    assert await waited(waking) == (None, module.SCAN_S)


async def test_where_nothing_tells_it_polls_and_slower_where_a_scan_costs_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    waking = Waking()
    waking.restless = False
    assert not waking.look_at([str(tmp_path)], [])
    for took_s, pause_s in ((0.0, module.SCAN_S), (0.02, 2.4), (9.0, module.PAUSE_S_MAX)):
        waking.scanned(took_s, found=False, now=trio.current_time())
        assert await waited(waking) == (None, round(pause_s, 6))


async def test_changes_that_nothing_told_of_make_it_poll(
    waking: Waking, autojump_clock: MockClock
) -> None:
    await waking.wait(frozenset())
    waking.scanned(0.0, found=True, now=trio.current_time())
    assert await waited(waking) == (None, module.SCAN_S)
    assert waking.watch is None
    waking.scanned(0.0, found=False, now=trio.current_time())
    assert await waited(waking) == (None, module.SCAN_S)


async def test_changes_that_came_while_it_scanned_do_not(
    tmp_path: Path, waking: Waking, autojump_clock: MockClock
) -> None:
    await waking.wait(frozenset())
    (tmp_path / "new").touch()
    waking.scanned(0.0, found=True, now=trio.current_time())
    assert await waited(waking) == (None, module.SCAN_S)
    assert waking.watch is not None
    waking.scanned(0.0, found=False, now=trio.current_time())
    assert await waited(waking) == (None, module.IDLE_S)


async def test_what_cannot_be_watched_is_polled(
    tmp_path: Path, waking: Waking, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallarood.connectors.file.following.watch.is_remote", lambda _: True)
    (tmp_path / "d").mkdir()
    assert not waking.look_at([str(tmp_path / "d")], [])
    assert waking.watch is None
    assert await waited(waking) == (None, module.SCAN_S)
