"""What a change costs: how long the flow stands still while a worker joins, and while one leaves.

A running sum for each key, on two workers; a third joins and leaves again, as often as it is to be
measured, all under the same steady load, of which each interval of checkpoints changes 5 % of the
keys. The pause is what a user sees: the longest time for which a worker that is there before and
after has worked on nothing. Beside it stands what processor time those workers took for it all.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for

from bench import report
from bench.checkpoints import checkpoint_of, records_of
from bench.copies import cpu_s

APPLICATION = """
import os
import time

import attrs

import wallarood as w

KEYS, EACH, FIRST = {keys}, {each}, {first}
STEP_S = 0.02
last = time.monotonic()
gaps = open(f"gaps-{{os.getpid()}}", "a", buffering=1)


def keys_of(number: int) -> list[int]:
    filling = KEYS // FIRST
    if number < filling:
        return list(range(number * FIRST, (number + 1) * FIRST))
    start = (number - filling) * EACH
    return [key % KEYS for key in range(start, start + EACH)]


@attrs.define
class Sum:
    value: int = 0


def spread(keys: list[int]) -> list[int]:
    return keys


@w.state_computation(state=Sum)
def add(key: int, total: Sum) -> tuple[int, int]:
    global last
    total.value += 1
    if key % 16 == 0:
        now = time.monotonic()
        if now - last > STEP_S:
            gaps.write(f"{{last}} {{now}}\\n")
        last = now
    return key, total.value


app = w.application(
    "sums",
    w.source("numbers", w.GeneratorSource(keys_of{rate}))
    .flat_map(spread)
    .key_by(int, name="by-key")
    .to(add)
    .filter(lambda summed: summed[0] % 1000 == 0)
    .to_sink(w.FileSink("sums")),
)
"""
EACH, FIRST = 100, 1000
WAIT_S = 300.0


@attrs.frozen
class Cost:
    """One change: how long nothing was worked on, and what it took of time and processor time."""

    pause_s: float
    took_s: float
    cpu_s: float


@attrs.define
class Cluster:
    """Two workers and one that comes and goes."""

    hosts: Hosts
    file: Path
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)
    epoch: int = 1

    @property
    def staying(self) -> list[WorkerProcess]:
        """Those that are there all the time."""
        return [self.workers["alpha"], self.workers["beta"]]

    def start(self, name: str, *flags: str, initializer: bool = False) -> None:
        """Start a worker."""
        self.workers[name] = self.hosts.start(
            name, str(self.file), *flags, count=2, initializer=initializer
        )

    def until_running(self, epoch: int) -> None:
        """Wait for an epoch to run everywhere."""

        def runs(worker: WorkerProcess) -> bool:
            status = worker.status()
            return status is not None and (status.epoch, status.job.value) == (epoch, "running")

        for worker in self.workers.values():
            wait_for(f"{worker.name} is in epoch {epoch}", lambda w=worker: runs(w), wait_s=WAIT_S)
        self.epoch = epoch

    def join(self) -> None:
        """A third worker joins."""
        shutil.rmtree(self.hosts.directory / "state" / "gamma", ignore_errors=True)
        self.start("gamma", "--join", *self._flags)
        self.until_running(self.epoch + 1)

    def leave(self) -> None:
        """It leaves again."""
        command = [sys.executable, "-m", "wallarood.cli.ctl", "shrink", "gamma", "--socket"]
        socket = str(self.workers["alpha"].state / "admin.sock")
        subprocess.run([*command, socket], check=True, capture_output=True, timeout=WAIT_S)
        gone = self.workers.pop("gamma")
        assert gone.wait(WAIT_S) == 0, gone.said
        self.until_running(self.epoch + 1)

    @property
    def _flags(self) -> tuple[str, ...]:
        return ("--log-level", "debug")

    def longest_gap(self, since: float) -> float:
        """The longest time that one of those that stay has worked on nothing, after *since*."""
        found = [0.0]
        for worker in self.staying:
            file = self.hosts.directory / f"gaps-{worker.process.pid}"
            for line in file.read_text().splitlines():
                began, ended = map(float, line.split())
                if began > since:
                    found.append(ended - began)
        return max(found)

    def commits(self, count: int) -> None:
        """Wait until so many more checkpoints are committed."""
        before = checkpoint_of(self.workers["alpha"]).committed
        wait_for(
            "checkpoints are committed",
            lambda: checkpoint_of(self.workers["alpha"]).committed >= before + count,
            wait_s=WAIT_S,
        )

    def measure(self, change: str, seconds: float) -> Cost:
        """Measure one change, after it has run for *seconds* without any."""
        time.sleep(seconds)
        began, cpu = time.monotonic(), cpu_s(self.staying)
        (self.join if change == "grow" else self.leave)()
        took, used = time.monotonic() - began, cpu_s(self.staying) - cpu
        self.commits(2)
        return Cost(self.longest_gap(began), took, used)


def cluster_of(hosts: Hosts, arguments: argparse.Namespace) -> Cluster:
    """A cluster that has seen all keys."""
    file = hosts.directory / "sums.py"
    rate = f", rate={arguments.rate / EACH}" if arguments.rate else ""
    file.write_text(APPLICATION.format(keys=arguments.keys, each=EACH, first=FIRST, rate=rate))
    cluster = Cluster(hosts, file)
    for name in ("alpha", "beta"):
        cluster.start(name, *cluster._flags, initializer=name == "alpha")
    filled = arguments.keys // FIRST
    wait_for("all keys are seen", lambda: records_of(cluster.staying) > filled, wait_s=WAIT_S)
    cluster.commits(3)
    return cluster


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure, print the table."""
    costs: dict[str, list[Cost]] = {"grow": [], "shrink": []}
    with tempfile.TemporaryDirectory() as folder, hosts_in(Path(folder), interval="1s") as hosts:
        hosts.executes = True
        cluster = cluster_of(hosts, chosen)
        for turn in range(chosen.runs):
            report.progress(f"changes, {chosen.keys:,} keys, run {turn + 1}/{chosen.runs}")
            for change, found in costs.items():
                found.append(cluster.measure(change, chosen.seconds))
                report.progress(f"  {change}: {found[-1]}")
                results.values[change] = [attrs.asdict(each) for each in found]
                results.keep()
        if chosen.logs:
            for worker in hosts.workers:
                (chosen.logs / f"{worker.name}-{worker.process.pid}.log").write_text(worker.said)
    head = [f"{chosen.keys:,} keys", "pause", "took", "CPU of those that stay"]
    rows = [
        [
            change,
            f"{statistics.median(each.pause_s for each in found) * 1000:.0f} ms",
            f"{statistics.median(each.took_s for each in found):.1f} s",
            f"{statistics.median(each.cpu_s for each in found):.1f} s",
        ]
        for change, found in costs.items()
    ]
    print(report.table(head, rows, style=chosen.style))
