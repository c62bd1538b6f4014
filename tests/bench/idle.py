"""W8: what a worker with nothing to do costs, from exec to READY, and how long formation takes.

READY is told when a worker listens. A cluster forms from the moment when its last worker is READY
until the last says that it runs.
"""

import argparse
import os
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.bound import bound

from bench import figures, machine, report
from bench.processes import free_ports
from bench.venvs import python_of

APPLICATION = """
import wallarood as w

app = w.application("idle", w.source("none", w.TcpSource("127.0.0.1:0")).to_sink(w.ListSink([])))
"""
WAIT_S = 120.0


class Cluster:
    """Workers that are told a notification socket each, as systemd would."""

    def __init__(self, directory: Path, count: int, interpreter: str, *flags: str) -> None:
        self.directory = directory
        self.flags = flags
        self.python = str(python_of("ours", interpreter))
        self.sockets: list[socket.socket] = []
        self.ready: set[socket.socket] = set()
        self.processes: list[subprocess.Popen[bytes]] = []
        [port] = free_ports(1)
        (directory / "idle.py").write_text(APPLICATION)
        (directory / "bench.toml").write_text("")
        self.began = time.monotonic()
        for number in range(count):
            self._start(number, count=count, port=port)

    def _start(self, number: int, *, count: int, port: int) -> None:
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(self.directory / f"notify-{number}"))
        self.sockets.append(told)
        with (self.directory / f"stderr-{number}").open("wb") as said:
            self.processes.append(
                subprocess.Popen(
                    bound(
                        *(self.python, "-m", "wallarood", "run", "idle.py:app"),
                        *("--config", "bench.toml", "--worker-name", f"worker-{number}"),
                        *("--worker-count", str(count), "--log-level", "info"),
                        *("--control-channel", f"127.0.0.1:{port}"),
                        *("--state-directory", f"state-{number}"),
                        *(("--topology-initializer",) if number == 0 else ()),
                        *self.flags,
                    ),
                    cwd=self.directory,
                    stderr=said,
                    env={**os.environ, "NOTIFY_SOCKET": str(self.directory / f"notify-{number}")},
                )
            )

    def ready_s(self) -> float:
        """Seconds from the first exec until all are READY. Raises TimeoutError."""
        while len(self.ready) < len(self.sockets):
            self._listen(0.1)
            if time.monotonic() > self.began + WAIT_S:
                raise TimeoutError(f"not READY in {WAIT_S} s")
        return time.monotonic() - self.began

    def listen(self, seconds: float) -> None:
        """Let so much time pass."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._listen(left)

    def running_s(self) -> float:
        """Seconds from the first exec until all run, as each says. Raises TimeoutError."""
        for number in range(len(self.processes)):
            said = self.directory / f"stderr-{number}"
            while b" running checkpoint=" not in said.read_bytes():
                if time.monotonic() > self.began + WAIT_S:
                    raise TimeoutError(f"not formed in {WAIT_S} s: {said.read_text()[-500:]}")
                self._listen(0.01)
        return time.monotonic() - self.began

    def _listen(self, wait_s: float) -> None:
        """Take what workers tell their service manager, as systemd would: they wait for that."""
        for told in select.select(self.sockets, [], [], wait_s)[0]:
            if b"READY=1" in told.recv(65536):
                self.ready.add(told)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for told in self.sockets:
            told.close()


def cpu_s(process: int) -> float:
    """Seconds of CPU that a process has used, in user and system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def rest(seconds: float, interpreter: str, *flags: str) -> tuple[float, float, float, float]:
    """One worker: seconds from exec to READY, and of CPU; percent of a core at rest, MiB."""
    with (
        tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder,
        Cluster(Path(folder), 1, interpreter, *flags) as cluster,
    ):
        ready = cluster.ready_s()
        worker = cluster.processes[0].pid
        ready_cpu = cpu_s(worker)
        cluster.listen(3)  # start-up is not rest
        before, began = cpu_s(worker), time.monotonic()
        cluster.listen(seconds)
        share = (cpu_s(worker) - before) / (time.monotonic() - began) * 100
        return ready, ready_cpu, share, resident_mib(worker)


def with_http(chosen: argparse.Namespace) -> list[tuple[float, float, float, float]]:
    """The same where HTTP is served."""
    return [
        rest(chosen.seconds, chosen.python, "--admin-http", f"127.0.0.1:{free_ports(1)[0]}")
        for _ in range(chosen.runs)
    ]


def formation(count: int, interpreter: str) -> tuple[float, float]:
    """Seconds from the first exec until all listen (READY), and from there until all run."""
    with (
        tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder,
        Cluster(Path(folder), count, interpreter) as cluster,
    ):
        ready = cluster.ready_s()
        return ready, cluster.running_s() - ready


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure and print."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    rests = [rest(chosen.seconds, chosen.python) for _ in range(chosen.runs)]
    served = with_http(chosen)
    rows = []
    for how, found in (("", rests), (", HTTP on", served)):
        ready, cpu, share, memory = (figures.median(each) for each in zip(*found, strict=True))
        rows += [
            [f"exec to READY, one worker{how}", f"{ready:.2f} s"],
            [f"exec to READY, CPU{how}", f"{cpu:.2f} s"],
            [f"an idle worker: share of a core{how}", f"{share:.2f} %"],
            [f"an idle worker: resident memory{how}", f"{memory:.0f} MiB"],
        ]
    results.values["rest"], results.values["rest, HTTP on"] = rests, served
    results.keep()
    for count in chosen.workers:
        report.progress(f"W8 formation of {count} workers")
        found = [formation(count, chosen.python) for _ in range(chosen.runs)]
        up, formed = (figures.median(each) for each in zip(*found, strict=True))
        results.values[f"formation of {count}"] = found
        results.keep()
        rows.append([f"{count} workers, exec to all READY", f"{up:.2f} s"])
        rows.append([f"formation of {count} once all are up", f"{formed:.2f} s"])
    print(report.table(["W8", "median"], rows, style=chosen.style))
