"""A server that a test of a connector starts, kills, stops for a while, and ends itself."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import attrs

READY_S = 60.0
LOOK_S = 0.05


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
