"""A server that a test of a connector starts, kills, stops for a while, and ends itself."""

import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import attrs
import trio

READY_S = 60.0
LOOK_S = 0.05
PAUSE_S = 3.0
HELD_MAX_S = 1.0


class Server(Protocol):
    """How the kit breaks a server. Its data stays. All of it may block."""

    def start(self) -> None:
        """Start it again, and return when it can be used."""

    def kill(self) -> None:
        """End it without a warning, as `kill -9` does."""

    def pause(self) -> None:
        """Let it do nothing, as a host does that is overloaded: its connections stay."""

    def resume(self) -> None:
        """Let it go on."""


@attrs.define(eq=False)
class ServerProcess:
    """A `Server` that is one process: *command*, whose output goes to the file *log*.

    *ready* is asked until it returns true; what it raises meanwhile counts as false. The process is
    ended by its process ID only. As a context manager it is started, and killed at the end.
    """

    command: Sequence[str]
    ready: Callable[[], bool]
    log: Path
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """See `Server.start`. Raises AssertionError: it does not get ready within a minute."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self._process.poll() is None:
            if self._is_ready():
                return
            time.sleep(LOOK_S)
        self.kill()
        said = self.log.read_text(errors="replace")[-2000:]
        raise AssertionError(f"{self.command[0]} is not ready; it said:\n{said}")

    def _is_ready(self) -> bool:
        try:
            return self.ready()
        except Exception:
            return False

    def kill(self) -> None:
        """See `Server.kill`."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()

    def pause(self) -> None:
        """See `Server.pause`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """See `Server.resume`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None, "it is not running"
        os.kill(self._process.pid, number)

    def __enter__(self) -> "ServerProcess":
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.kill()


async def work_while_paused(server: Server, work: Callable[[], Awaitable[object]]) -> str:
    """Do *work* while *server* does nothing for a while; what was shown.

    Raises AssertionError: the event loop was held up meanwhile.
    """
    held_s = 0.0

    async def watch(task_status: trio.TaskStatus[None]) -> None:
        nonlocal held_s
        task_status.started()
        while True:
            before = trio.current_time()
            await trio.sleep(LOOK_S)
            held_s = max(held_s, trio.current_time() - before - LOOK_S)

    async def resume() -> None:
        await trio.sleep(PAUSE_S)
        await trio.to_thread.run_sync(server.resume)

    await trio.to_thread.run_sync(server.pause)
    async with trio.open_nursery() as watching:
        await watching.start(watch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(resume)
            await work()
        watching.cancel_scope.cancel()
    assert held_s < HELD_MAX_S, f"the event loop stood still for {held_s:.1f} s"
    return f"stopped for {PAUSE_S:.0f} s; the event loop was held for {held_s:.2f} s at most"
