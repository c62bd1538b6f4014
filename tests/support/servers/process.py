"""A server that a test starts, kills and starts again, on the same ports with the same data."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from support.bound import bound
from support.patience import Wait
from support.ports import free_port

REQUIRED = "WALLAROOD_REQUIRE_SERVERS"
READY_S = 60.0


def demand(*reasons: str) -> None:
    """Skip the test with the first of *reasons* that is not empty; in CI it fails instead."""
    for reason in filter(None, reasons):
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason}, and {REQUIRED} is set")
        pytest.skip(reason)


def no_program(program: str) -> str:
    """Why there is no *program*; empty if there is."""
    return "" if shutil.which(program) else f"{program} is not installed"


def answers(port: int) -> bool:
    """Whether something listens on a port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@attrs.define(eq=False)
class Server:
    """A process with its data below `directory`; `ready` tells whether it serves."""

    name: str
    command: Sequence[str]
    directory: Path
    port: int
    ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it has said."""
        return self.directory / "log"

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it serves."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                bound(*self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
            )
        wait = Wait(READY_S)
        while not self.ready():
            tail = self.log.read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, f"{self.name} ended:\n{tail}"
            assert wait.left_s(), f"{self.name} not ready in {wait.ends_after_s:.0f} s:\n{tail}"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(30)

    def pause(self) -> None:
        """SIGSTOP."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def restart_killed(self) -> None:
        """Kill it and start it with the same data."""
        self.kill()
        self.start()


@contextlib.contextmanager
def serving(make: Callable[[Path, int], Server]) -> Iterator[Server]:
    """A server of a directory and a port of its own, until the end of the `with` statement."""
    directory = Path(tempfile.mkdtemp(prefix="wallarood-server-"))
    server = make(directory, free_port())
    try:
        server.start()
        yield server
    finally:
        if server.is_running:
            server.kill()
        shutil.rmtree(directory, ignore_errors=True)
