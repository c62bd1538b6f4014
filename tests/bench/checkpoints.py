"""W5 and W6: what checkpoints cost, and how long a recovery takes, on a keyed running sum.

For each number of keys: throughput with a checkpoint every second against none, by turns; the
longest pause of the flow; bytes written for each changed key; and the time from kill -9 to the
first new committed result, of which the start of the process is a part that is shown too. With a
million keys a window of 2.5 % of them moves on after 28 visits to each, so that at 700,000 records
a second 5 % of the keys change in a second; with ``--all`` all may.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for

from bench import figures, machine, report
from wallarood.admin.status import CheckpointStatus

APPLICATION = """
import time

import attrs

import wallarood as w

KEYS, PART, VISITS = {keys}, {part}, 28
last, worst = time.perf_counter(), 0.0


def record(number: int) -> tuple[int, int]:
    if number < KEYS:
        return number, 1
    turn, place = divmod(number - KEYS, VISITS * PART)
    return (turn * PART + place % PART) % KEYS, 1


@attrs.define
class Sum:
    value: int = 0


@w.state_computation(state=Sum)
def add(record: tuple[int, int], total: Sum) -> tuple[int, int]:
    global last, worst
    total.value += record[1]
    if record[0] % 64 == 0:
        now = time.perf_counter()
        if now - last > worst and total.value > 1:
            worst = now - last
            with open("pause", "w") as file:
                file.write(str(worst))
            now = time.perf_counter()
        last = now
    return record[0], total.value


app = w.application(
    "sums",
    w.source("numbers", w.GeneratorSource(record))
    .key_by(lambda record: record[0], name="by-key")
    .to(add)
    .filter(lambda summed: summed[0] % 1000 == 0)
    .to_sink(w.FileSink("sums")),
)
"""


@attrs.frozen
class Figures:
    """One cluster, measured for a while."""

    rate: float
    pause_s: float
    checkpoints: int
    bytes_each: float
    took_s: float


def checkpoint_of(worker: WorkerProcess) -> CheckpointStatus:
    status = worker.status()
    return status.checkpoint if status is not None else CheckpointStatus()


def records_of(workers: list[WorkerProcess]) -> int:
    statuses = [each.status() for each in workers]
    return sum(source.records for status in statuses if status for source in status.sources)


def start(
    hosts: Hosts, arguments: argparse.Namespace, keys: int, *flags: str
) -> list[WorkerProcess]:
    part = keys if arguments.all or keys <= 50_000 else keys // 40
    file = hosts.directory / "sums.py"
    file.write_text(APPLICATION.format(keys=keys, part=part))
    names = NAMES[: arguments.workers]
    return [
        hosts.start(
            name,
            str(file),
            *("--cluster-id", "auto", *flags),
            count=len(names),
            initializer=name == "alpha",
        )
        for name in names
    ]


def measure(arguments: argparse.Namespace, keys: int, interval: str) -> Figures:
    """The rate of a cluster that has seen all keys, and what its checkpoints were like."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with hosts_in(directory, interval=interval) as hosts:
            workers = start(hosts, arguments, keys)
            wait_for("all keys are seen", lambda: records_of(workers) > 1.2 * keys, wait_s=300)
            (directory / "pause").unlink(missing_ok=True)
            began, before = time.monotonic(), records_of(workers)
            seen: dict[int, CheckpointStatus] = {}
            while time.monotonic() < began + arguments.seconds:
                time.sleep(0.1)
                now = checkpoint_of(workers[0])
                if now.last is not None:
                    seen[now.last] = now
            took, records = time.monotonic() - began, records_of(workers) - before
            sizes = [each.size_bytes or 0 for each in seen.values()]
            times = [each.duration_s or 0.0 for each in seen.values()]
            pause = directory / "pause"
            return Figures(
                records / took,
                float(pause.read_text() or 0) if pause.exists() else 0.0,
                len(seen),
                statistics.mean(sizes) if sizes else 0.0,
                statistics.mean(times) if times else 0.0,
            )


def recovery(arguments: argparse.Namespace, keys: int) -> tuple[float, float]:
    """Seconds from kill -9 to the first new committed part; and to the new process' first word."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with hosts_in(directory, interval="1s") as hosts:
            workers = start(hosts, arguments, keys)
            wait_for("all keys are seen", lambda: records_of(workers) > 1.5 * keys, wait_s=300)
            committed = checkpoint_of(workers[0]).committed
            wait_for("a checkpoint", lambda: checkpoint_of(workers[0]).committed > committed + 1)
            victim = workers[-1]
            victim.process.kill()
            killed = time.monotonic()
            victim.wait()
            there = set((directory / "sums").glob("[!.]*"))
            flags = ("--cluster-id", "auto")
            again = hosts.start(
                victim.name,
                str(directory / "sums.py"),
                *flags,
                count=len(workers),
                initializer=victim.name == "alpha",
            )
            wait_for("it speaks", lambda: "listening" in again.said)
            spoke = time.monotonic() - killed
            wait_for(
                "new output", lambda: set((directory / "sums").glob("[!.]*")) - there, wait_s=120
            )
            return time.monotonic() - killed, spoke


def row(chosen: argparse.Namespace, keys: int, results: report.Results) -> list[str]:
    """Measure with this number of keys: a line of the table."""
    every: list[Figures] = []
    none: list[Figures] = []
    recoveries: list[tuple[float, float]] = []
    kept: dict[str, Any] = {"none": [], "every": [], "recoveries": recoveries}
    results.values[f"{keys} keys"] = kept
    for turn in range(chosen.runs):
        report.progress(f"W5 {keys:,} keys, run {turn + 1}/{chosen.runs}")
        for name, found, interval in (("none", none, "1h"), ("every", every, "1s")):
            found.append(measure(chosen, keys, interval))
            kept[name].append(attrs.asdict(found[-1]))
            results.keep()
    for turn in range(chosen.runs):
        report.progress(f"W6 {keys:,} keys, run {turn + 1}/{chosen.runs}")
        recoveries.append(recovery(chosen, keys))
        results.keep()
    rate = statistics.median(each.rate for each in every)
    ratio = figures.ratio([each.rate for each in every], [each.rate for each in none])
    size = statistics.median(each.bytes_each for each in every)
    period = statistics.median(chosen.seconds / max(each.checkpoints, 1) for each in every)
    changed: float = keys
    if keys > 50_000:
        changed = min(keys, rate * period / (1 if chosen.all else 28) + keys // 40)
    whole = statistics.median(whole for whole, _ in recoveries)
    behind = statistics.median(whole - spoke for whole, spoke in recoveries)
    return [
        f"{keys:,} keys" + (", all change" if chosen.all else ""),
        f"{ratio:.0%}",
        f"{statistics.median(each.pause_s for each in every) * 1000:.0f} ms",
        f"{statistics.median(each.pause_s for each in none) * 1000:.0f} ms",
        f"{size * chosen.workers / changed:.0f}",
        f"{whole:.1f} s",
        f"{behind:.1f} s",
    ]


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns, print the table."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    rows = [row(chosen, keys, results) for keys in chosen.keys]
    head = [
        f"{chosen.workers} worker{'s' if chosen.workers > 1 else ''}",
        "rate with / without",
        "longest pause",
        "without",
        "bytes a changed key",
        "kill -9 to new output",
        "from being back",
    ]
    print(report.table(head, rows, style=chosen.style))
