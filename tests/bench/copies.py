"""What copies of checkpoints on another disk cost: the same job with them and without, by turns.

Of a running sum for each key with a checkpoint every second. Beside the rate stands what each
record costs of processor time on all workers together, which another load does not change much.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import attrs
from support.harness import WorkerProcess, hosts_in, wait_for

from bench import figures, machine, report
from bench.checkpoints import checkpoint_of, records_of, start

TICKS = os.sysconf("SC_CLK_TCK")


@attrs.frozen
class Cost:
    """One cluster, measured for a while: of a record in microseconds, of a commit in seconds."""

    rate: float
    cpu_us: float
    commit_s: float
    sent_mb: float


def cpu_s(workers: list[WorkerProcess]) -> float:
    """The processor time that all have taken."""
    stats = [Path(f"/proc/{each.process.pid}/stat").read_text().split() for each in workers]
    return sum(int(stat[13]) + int(stat[14]) for stat in stats) / TICKS


def measure(arguments: argparse.Namespace, keys: int, replicas: int) -> Cost:
    """A cluster that has seen all keys."""
    with tempfile.TemporaryDirectory() as folder, hosts_in(Path(folder), interval="1s") as hosts:
        config = Path(folder) / "replicas.toml"
        config.write_text(f"checkpoint.replicas = {replicas}\n")
        workers = start(hosts, arguments, keys, "--config", str(config))
        wait_for("all keys are seen", lambda: records_of(workers) > 1.2 * keys, wait_s=300)
        committed = checkpoint_of(workers[0]).committed
        wait_for(
            "all are committed",
            lambda: checkpoint_of(workers[0]).committed > committed + 1,
            wait_s=300,
        )
        began, before, cpu_before = time.monotonic(), records_of(workers), cpu_s(workers)
        time.sleep(arguments.seconds)
        records, cpu = records_of(workers) - before, cpu_s(workers) - cpu_before
        took = time.monotonic() - began
        last = checkpoint_of(workers[0])
        times = [run.commit_s for run in last.recent if run.commit_s is not None]
        sent = last.copy.sent_bytes / 1e6 if last.copy is not None else 0.0
        return Cost(records / took, cpu / records * 1e6, statistics.median(times), sent)


def row(chosen: argparse.Namespace, keys: int, results: report.Results) -> list[str]:
    """Measure with this number of keys: a line of the table."""
    without: list[Cost] = []
    copied: list[Cost] = []
    for turn in range(chosen.runs):
        report.progress(f"copies {keys:,} keys, run {turn + 1}/{chosen.runs}")
        for replicas, costs in ((0, without), (1, copied)):
            costs.append(measure(chosen, keys, replicas))
        results.values[f"{keys} keys"] = {
            "without": [attrs.asdict(each) for each in without],
            "copied": [attrs.asdict(each) for each in copied],
        }
        results.keep()
    rate = figures.ratio([each.rate for each in copied], [each.rate for each in without])
    cpu = figures.ratio([each.cpu_us for each in copied], [each.cpu_us for each in without])
    return [
        f"{keys:,} keys",
        f"{rate:.0%}",
        f"{cpu:.0%}",
        f"{figures.median([each.commit_s for each in copied]) * 1000:.0f} ms",
        f"{figures.median([each.commit_s for each in without]) * 1000:.0f} ms",
    ]


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns, print the table."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    head = [f"{chosen.workers} workers", "rate", "CPU a record", "to the commit", "without"]
    rows = [row(chosen, keys, results) for keys in chosen.keys]
    print(report.table(head, rows, style=chosen.style))
