"""Real workers on loopback for the tests of a cluster: started, watched, ended by process ID."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from support.bound import bound
from support.command import Done, wallarooctl
from support.forked import Forked, forker, shares
from support.patience import WAIT_S, Wait
from support.ports import free_port
from wallarood.admin import client
from wallarood.admin.status import Status
from wallarood.model.errors import WallaroodError

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
LIVENESS_S = 4.0
"""A machine with many tests holds up a process for two seconds, which is not to be missed."""
TIMING = """
[timing]
heartbeat = "200ms"
liveness-deadline = "{liveness}"
name-taken-wait = "500ms"
connect-backoff-max = "200ms"
formation-deadline = "{formation}"

[checkpoint]
interval = "{interval}"
"""


READ_LOOKS, READ_LOOK_S = 100, 0.05
"""How often is looked whether all is read, which a clock alone would tell of a test held up."""
WAITED_FOR = ("checkpoint", "shutdown", "upgrade")
WAITED_S = 300.0
"""How long such an order is waited for, as a slow machine may take; what fails shows sooner."""
LOOKS_S = 0.02, 1.0
"""At least and at most so long is between two looks."""


def wait_for(what: str, condition: Callable[[], object], *, wait_s: float = WAIT_S) -> None:
    """Wait until *condition* holds; fail with *what* if it never does.

    It is looked at less often the longer a look takes: to ask workers for their status costs them
    time, in which they could come to what is waited for.
    """
    wait, looked = Wait(wait_s), time.monotonic()
    while not condition():
        assert wait.left_s(), f"not within {wait.ends_after_s:.0f} s: {what}"
        took_s = time.monotonic() - looked
        threading.Event().wait(min(max(LOOKS_S[0], 4 * took_s), LOOKS_S[1]))
        looked = time.monotonic()


@attrs.define(eq=False)
class WorkerProcess:
    """One `wallarood run` and all it has said on stderr."""

    name: str
    process: subprocess.Popen[bytes] | Forked
    state: Path
    lines: list[str] = attrs.field(factory=list)
    reader: threading.Thread | None = None

    def __attrs_post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def said(self) -> str:
        """All of stderr so far."""
        return "\n".join(self.lines)

    def says(self, text: str) -> None:
        """Wait until it has said *text*.

        A thread of the worker writes what it logs, and one of the test reads it: what it answers on
        its admin socket may be known here before.
        """
        try:
            wait_for(f"{self.name} says {text!r}", lambda: text in self.said)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from None

    def status(self) -> Status | None:
        """What the worker says on its admin socket; None if it does not answer."""
        with contextlib.suppress(WallaroodError, OSError):
            return client.status(self.state / "admin.sock", timeout_s=2.0)
        return None

    def told(self) -> Status:
        """What the worker says of itself, as soon as it answers."""
        wait = Wait()
        while (status := self.status()) is None:
            assert self.process.poll() is None, f"{self.name} has ended:\n{self.said}"
            assert wait.left_s(), f"{self.name} does not answer:\n{self.said}"
            threading.Event().wait(0.02)
        return status

    def phase(self) -> str:
        """The state of its job in a word; empty if it does not answer."""
        status = self.status()
        return status.job.value if status is not None else ""

    def misses(self, name: str) -> bool:
        """Whether it knows that *name* is away, for which it might also pause or recover."""
        status = self.status()
        return status is not None and name in {
            each.name for each in status.workers if each.state == "away"
        }

    def ctl(self, *arguments: str) -> Done:
        """Run ``wallarooctl ARGUMENTS`` at this worker; what is ordered may take its time."""
        if arguments[0] in WAITED_FOR and "--timeout" not in arguments:
            arguments = (*arguments, "--timeout", f"{WAITED_S:g}")
        return wallarooctl(*arguments, "--socket", str(self.state / "admin.sock"))

    def wait(self, wait_s: float = WAIT_S) -> int:
        """Wait for its end; returns the exit code."""
        wait, code = Wait(wait_s), None
        while code is None:
            left = wait.left_s()
            assert left, f"{self.name} did not end within {wait.ends_after_s:.0f} s:\n{self.said}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(left)
        self.read_out()
        return code

    def read_out(self) -> None:
        """Wait until all is read that it has said; what it has left behind may hold its stderr."""
        assert self.reader is not None
        for _ in range(READ_LOOKS):
            self.reader.join(READ_LOOK_S)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)


@attrs.define(eq=False)
class Hosts:
    """Starts workers below *directory* and ends them all at the end of a test."""

    directory: Path
    formation: str = "300s"
    """Longer than any test waits for workers that it starts one after the other."""
    interval: str = "300ms"
    liveness: str = f"{LIVENESS_S:g}s"
    """Where nobody may be missed that lives, longer than a busy machine holds up a process."""
    host: str = "127.0.0.1"
    port: int = attrs.field(factory=free_port)
    environment: dict[str, str] = attrs.field(factory=dict)
    executes: bool = False
    """Whether each worker begins as a program of its own; else as a fork (`support.forked`)."""
    workers: list[WorkerProcess] = attrs.field(factory=list)

    def start(
        self,
        name: str,
        application: str,
        *flags: str,
        count: int = 1,
        initializer: bool = False,
        args: tuple[str, ...] = (),
        state: Path | None = None,
    ) -> WorkerProcess:
        """Start `wallarood run` for *application* as worker *name*."""
        config = self._configuration()
        where = state or self.directory / "state" / name
        arguments = [
            *("run", application, "--config", str(config)),
            *("--worker-name", name, "--worker-count", str(count)),
            *("--control-channel", f"{self.host}:{self.port}", "--state-directory", str(where)),
            *(("--topology-initializer",) if initializer else ()),
            *flags,
            *("--", *args),
        ]
        worker = WorkerProcess(name, self._begun(arguments), where)
        self.workers.append(worker)
        return worker

    def _configuration(self) -> Path:
        """What all workers are configured with. One that starts may be reading it just now."""
        config, new = self.directory / "test.toml", self.directory / "test.toml.new"
        new.write_text(
            TIMING.format(formation=self.formation, interval=self.interval, liveness=self.liveness)
        )
        return new.replace(config)

    def _begun(self, arguments: list[str]) -> subprocess.Popen[bytes] | Forked:
        # With a seed no worker executes itself once more.
        environment = {"PYTHONHASHSEED": "0", **os.environ, "PYTHONWARNINGS": "error"}
        environment |= self.environment
        with (self.directory / "stdout").open("ab") as stdout:
            if shares(environment) and not self.executes:
                return forker().start(
                    arguments, stdout=stdout.fileno(), cwd=self.directory, env=environment
                )
            return subprocess.Popen(
                bound(sys.executable, "-m", "wallarood", *arguments),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                stdout=stdout,
                cwd=self.directory,
                start_new_session=True,
                env=environment,
            )

    def start_cluster(
        self, count: int, application: str, *flags: str, args: tuple[str, ...] = ()
    ) -> list[WorkerProcess]:
        """Start *count* workers, alpha the initializer."""
        return [
            self.start(
                name, application, *flags, count=count, initializer=name == "alpha", args=args
            )
            for name in NAMES[:count]
        ]

    def end_all(self) -> None:
        """Kill what still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(signal.SIGCONT)
                    worker.process.kill()
                worker.process.wait()
            worker.read_out()
            if worker.process.stderr is not None:
                worker.process.stderr.close()


@contextlib.contextmanager
def hosts_in(directory: Path, **options: Any) -> Iterator[Hosts]:
    """`Hosts` below *directory* for a `with` statement."""
    hosts = Hosts(directory, **options)
    try:
        yield hosts
    finally:
        hosts.end_all()


def ended_well(workers: list[WorkerProcess], wait_s: float = 60.0) -> None:
    """All end with exit code 0 and without a traceback."""
    for worker in workers:
        code = worker.wait(wait_s)
        assert code == 0, f"{worker.name} ended {code}:\n{worker.said}"
        assert "Traceback" not in worker.said, worker.said


def writer_of(part: Path) -> str:
    """Whose file a part is: its name without number and extension."""
    return part.name.rsplit(".", 2)[0]


def count_lines(output: Path) -> dict[str, list[tuple[str, int]]]:
    """For each word, (writer, count) of its updates in the order in which they stand."""
    updates: dict[str, list[tuple[str, int]]] = {}
    for file in sorted(output.glob("[!.]*")):
        for line in file.read_text(encoding="utf-8").splitlines():
            word, count = line.split("\t")
            updates.setdefault(word, []).append((writer_of(file), int(count)))
    return updates


def check_counts(output: Path, text: str) -> None:
    """Each word is counted 1, 2, 3, … by one writer, as often as it stands in *text*."""
    expected: dict[str, int] = {}
    for word in text.split():
        expected[word] = expected.get(word, 0) + 1
    updates = count_lines(output)
    assert {word: len(each) for word, each in updates.items()} == expected
    for word, each in updates.items():
        assert len({writer for writer, _ in each}) == 1, f"{word!r} is counted by several"
        assert [count for _, count in each] == list(range(1, len(each) + 1)), word
