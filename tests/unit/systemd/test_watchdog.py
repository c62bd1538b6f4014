"""The watchdog is fed while the worker gets on, and not when something in it is stuck."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from support.patience import patiently
from trio.testing import MockClock

from wallarood.systemd.watchdog import keep_watch, task_tree


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager that waits ten seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "10000000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield listening


def beats(manager: socket.socket) -> int:
    count = 0
    while True:
        try:
            count += manager.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            return count


async def test_it_is_fed_several_times_within_what_it_waits(
    manager: socket.socket, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(9.9):
        await keep_watch(lambda: "")
    assert beats(manager) == 4


async def test_a_stage_that_is_stuck_stops_the_beats_and_is_named_once(
    manager: socket.socket, autojump_clock: MockClock
) -> None:
    with capture_logs() as logs, trio.move_on_after(60):
        await keep_watch(lambda: "stage 'count' has been in a call for 90 s")
    assert beats(manager) == 0
    (said,) = logs
    assert said["reason"] == "stage 'count' has been in a call for 90 s"
    assert "test_a_stage_that_is_stuck" in said["tasks"], "it says where tasks wait"


async def test_it_is_fed_again_when_what_was_stuck_gets_on(
    manager: socket.socket, autojump_clock: MockClock
) -> None:
    began = trio.current_time()
    with trio.move_on_after(19.9):
        await keep_watch(lambda: "stuck" if trio.current_time() - began < 10 else "")
    assert beats(manager) == 4


async def test_without_a_watchdog_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    with patiently(1):
        await keep_watch(lambda: "")


async def test_the_tree_has_a_line_for_every_task() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="a task that waits")
        await trio.testing.wait_all_tasks_blocked()
        assert [line for line in task_tree() if "a task that waits" in line]
        nursery.cancel_scope.cancel()
