"""What a cluster on this host consists of: names, ports, directories and command lines."""

import contextlib
import random
import socket
import sys
from pathlib import Path

import attrs

from wallarood.devcluster.chaos import CALM, CONFIG, Chaos
from wallarood.model.ids import WorkerName

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
WORKERS_MAX = 64
PORTS = (20_000, 32_000)
"""Where `free_port` looks: below those that Linux hands out by itself."""


def worker_names(count: int) -> tuple[WorkerName, ...]:
    """The names of *count* local workers: alpha, beta, … then worker-6, worker-7, ….

    They are the same on every host.
    """
    return tuple(NAMES[:count]) + tuple(f"worker-{n}" for n in range(len(NAMES) + 1, count + 1))


@attrs.frozen
class LocalCluster:
    """What to start. *application* is APP as `wallarood run` takes it, *args* its ARGS.

    *config* are files of configuration, read after our own; *profile* is where each worker
    writes where its time goes, with its name before the extension. The first worker has the page
    of the cluster on *page_port* of loopback, if there is one.
    """

    application: str
    args: tuple[str, ...]
    workers: tuple[WorkerName, ...]
    directory: Path
    control_port: int
    log_level: str = "info"
    chaos: Chaos | None = None
    config: tuple[Path, ...] = ()
    profile: Path | None = None
    page_port: int | None = None

    def state_directory(self, worker: WorkerName) -> Path:
        """Where *worker* keeps its state."""
        return self.directory / worker

    def admin_socket(self, worker: WorkerName) -> Path:
        """Where *worker* answers."""
        return self.state_directory(worker) / "admin.sock"

    @property
    def hints(self) -> list[str]:
        """How to look at it, for a person."""
        first = self.state_directory(self.workers[0])
        page = [] if self.page_port is None else [f"page: http://127.0.0.1:{self.page_port}/"]
        return [*page, f"wallarooctl why --state-directory {first} says how it does; so do top, …"]

    def command(self, worker: WorkerName) -> list[str]:
        """The command line of *worker*; the first one is the initializer."""
        first = ["--topology-initializer"] if worker == self.workers[0] else []
        if first and self.page_port is not None:
            first += ["--admin-http", f"127.0.0.1:{self.page_port}"]
        return [
            *(sys.executable, "-m", "wallarood", "run", self.application, *first),
            *("--worker-name", worker, "--worker-count", str(len(self.workers))),
            *("--control-channel", f"127.0.0.1:{self.control_port}"),
            *("--state-directory", str(self.state_directory(worker))),
            *("--log-level", self.log_level, *self._mode(), *self._files(worker)),
            *("--", *self.args),
        ]

    def _mode(self) -> list[str]:
        return ["--exit-on-completion"] if self.chaos is None else ["--cluster-id", "auto"]

    def _files(self, worker: WorkerName) -> list[str]:
        given = [self.directory / "local.toml", *self.config]
        flags = [each for path in given for each in ("--config", str(path))]
        if self.profile is not None:
            flags += ["--profile", str(profile_of(self.profile, worker))]
        return flags

    def write_config(self) -> None:
        """Write what the workers are to read."""
        text = CALM if self.chaos is None else CONFIG
        (self.directory / "local.toml").write_text(text, encoding="utf-8")


def profile_of(file: Path, worker: WorkerName) -> Path:
    """The file that *worker* writes its profile to: its name goes before the extension."""
    return file.with_name(f"{file.stem}-{worker}{file.suffix}")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that no process listens on at the moment.

    It is none of those that a system gives to who asks for any: another worker could get it before
    the one that it is meant for.
    """
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
