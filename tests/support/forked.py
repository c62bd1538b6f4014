"""Workers that begin as forks of a process which has loaded them: a start costs little then.

``python -m support.forked SOCKET`` is that process. Each request has the arguments, environment and
directory of a worker, and two descriptors: its stdout and its stderr. From `wallarood.__main__` on
a worker is what it always is; only what is before it, Python and its imports, is shared. Commands
begin so, too.
"""
# Theory of operation
# ===================
# A worker that runs is a process of 40 MB, three quarters of whose start is the import of some 600
# modules. The tests start hundreds, on as many processors as there are: a fork has them already.
# The seed of `hash` and the filters of warnings are those of the process that forks: who wants
# others executes a worker instead (`support.harness.Hosts`).
#
# The process that forks is the parent of the workers, so it says how they have ended, on the same
# socket. It ends when that is closed, also by the end of who asks, and all that it has forked do.
# Should it end before, who waits for what it has forked would wait for ever: all of that counts as
# killed then, and the next that is asked for begins another one.

import atexit
import contextlib
import gc
import importlib
import json
import os
import queue
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import attrs

from support.bound import end_with

REQUEST_MAX = 1 << 18
START_S = 60.0
BEGUN = -1
"""In the place of a status: it has begun."""
GONE = "the process that forks has ended"
TESTS = Path(__file__).parents[1]
SHARED = {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "error"}
"""What an environment must have: it is that of the process that forks."""
PRELOADED = (
    "encodings.idna",
    *("wallarood.cli.ctl", "wallarood.cli.main", "wallarood.cli.run"),
    *("wallarood.admin.web.exchange", "wallarood.admin.web.routes", "wallarood.net.websocket"),
    *("wallarood.daemon.main", "wallarood.loader", "wallarood.logs"),
)
"""What a worker has imported when it runs in a cluster and has been asked how it does."""


@attrs.define(eq=False)
class Forked:
    """A worker that was forked; as far as tests use it, as a `subprocess.Popen`."""

    args: Sequence[str]
    pid: int
    stderr: IO[bytes] | None = None
    returncode: int | None = None
    _ended: threading.Event = attrs.field(factory=threading.Event, init=False)

    def end(self, status: int) -> None:
        """It has ended."""
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()

    def poll(self) -> int | None:
        """The exit code; None as long as it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forker:
    """The process that forks, and a thread that hears of it who began and how each ended."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._begun: queue.Queue[Forked | None] = queue.Queue()
        self._one_at_a_time = threading.Lock()
        self.gone = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.forked", str(theirs.fileno())],
            cwd=TESTS,
            env={**os.environ, **SHARED},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        threading.Thread(target=self._hear, daemon=True).start()
        atexit.register(self._end)

    def start(
        self,
        arguments: Sequence[str],
        *,
        stdout: int,
        cwd: Path,
        env: Mapping[str, str],
        module: str = "wallarood",
    ) -> Forked:
        """Fork a worker: the command *module* with *arguments*, leader of a new session."""
        ours, theirs = os.pipe()
        request = json.dumps([[module, *arguments], str(cwd), dict(env)]).encode()
        stderr = os.fdopen(ours, "rb")
        try:
            with self._one_at_a_time:
                socket.send_fds(self._channel, [request], [stdout, theirs])
                begun = self._next_begun()
        except BaseException:
            stderr.close()
            self.process.kill()  # what begins after all would be taken for the next
            raise
        finally:
            os.close(theirs)
        begun.args, begun.stderr = arguments, stderr
        return begun

    def _next_begun(self) -> "Forked":
        """What has begun; the first waits until all is imported."""
        from support.patience import Wait  # noqa: PLC0415 - of no use to what is forked

        wait = Wait(START_S)
        while True:
            left_s = wait.left_s()
            assert left_s, f"nothing has begun within {wait.ends_after_s:.0f} s"
            with contextlib.suppress(queue.Empty):
                begun = self._begun.get(timeout=left_s)
                assert begun is not None, GONE
                return begun

    def _hear(self) -> None:
        running: dict[int, Forked] = {}
        with contextlib.suppress(ConnectionResetError):  # it has not read all that was asked
            while said := self._channel.recv(64):
                pid, status = map(int, said.split())
                if status == BEGUN:
                    running[pid] = Forked((), pid)
                    self._begun.put(running[pid])
                else:
                    running.pop(pid).end(status)
        self.gone.set()
        for each in running.values():
            each.end(signal.SIGKILL)
        self._begun.put(None)

    def _end(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._channel.shutdown(socket.SHUT_RDWR)
        self.process.wait()


_forkers: list[Forker] = []
_looking = threading.Lock()


def forker() -> Forker:
    """That of this process; another one if it has ended."""
    with _looking:
        if not _forkers or _forkers[-1].gone.is_set():
            _forkers.append(Forker())
        return _forkers[-1]


def shares(environment: Mapping[str, str]) -> bool:
    """Whether a worker with *environment* can be a fork."""
    return environment.items() >= SHARED.items()


def preload() -> None:
    """Import what a worker has imported when it runs."""
    for module in PRELOADED:
        importlib.import_module(module)
    public = importlib.import_module("wallarood")
    for name in ("application", "source", "state_computation", "FileSink", "GeneratorSource"):
        getattr(public, name)
    gc.collect()
    gc.freeze()


def serve(channel: socket.socket) -> list[str]:
    """Fork for each request. Returns in the new process only, with its module and arguments."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 64)
                tell_ends(channel)
            if channel in ready:
                request, streams = asked(channel)
                if not request:
                    channel.close()
                    sys.exit()
                parent, pid = os.getpid(), os.fork()
                if not pid:
                    end_with(parent)
                    break
                for each in streams:
                    os.close(each)
                tell(channel, pid, BEGUN)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel.close()
    os.close(woken)
    os.close(wakes)
    return begin(*json.loads(request), *streams)


def asked(channel: socket.socket) -> tuple[bytes, list[int]]:
    """The next request and its descriptors; none at the end of who asks."""
    with contextlib.suppress(ConnectionResetError):  # it has not read all that it was told
        request, streams, _, _ = socket.recv_fds(channel, REQUEST_MAX, 2)
        return request, streams
    return b"", []


def tell_ends(channel: socket.socket) -> None:
    """Say of all that have ended how they did."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            tell(channel, *ended)


def tell(channel: socket.socket, pid: int, status: int) -> None:
    """Say what has become of a process, unless nobody is there who has asked for it."""
    with contextlib.suppress(BrokenPipeError):
        channel.send(f"{pid} {status}".encode())


def begin(
    arguments: list[str], cwd: str, env: dict[str, str], stdout: int, stderr: int
) -> list[str]:
    """Make this process what it would be if it had been executed so."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(ours, theirs)
        os.close(ours)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    more = [each for each in env.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:1] = [cwd, *(each for each in more if each not in sys.path)]
    return arguments


if __name__ == "__main__":
    preload()
    program, *sys.argv[1:] = serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(program, run_name="__main__", alter_sys=True)
