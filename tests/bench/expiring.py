"""Keys that come and go under `ttl`: memory, checkpoints and restarts are to stay flat.

    python tests/bench/expiring.py [--minutes 20] [--keys 10000000] [--ttl-s 60]

Prints each minute the resident memory of the worker, the size of what it has stored, how long a
worker that is started on a copy of that takes to its first output, how many keys have come, and
how many of them should live. At the end it says by how much each has grown since all was there, and
ends 1 if memory or what is stored has by more than 10 %. On a machine that is too slow for so many
keys, compare minutes in which about as many live.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.bound import bound

from bench.contestants.ours_expiring import VARIABLE, Coming
from bench.processes import free_ports
from bench.report import table

TESTS = Path(__file__).parents[1]
GROWTH_MAX = 0.1
RESTART_S_MAX = 120.0
MIB = 1 << 20


class Row(NamedTuple):
    """What is found in a minute."""

    memory_mib: float
    stored_mib: float
    restart_s: float
    keys: int
    living: int


def worker(folder: Path, coming: Coming) -> "subprocess.Popen[bytes]":
    """A worker whose state is in *folder*."""
    [port] = free_ports(1)
    command = [
        *(sys.executable, "-m", "wallarood", "run", "bench.contestants.ours_expiring:app"),
        *("--worker-name", "alone", "--worker-count", "1", "--topology-initializer"),
        *("--control-channel", f"127.0.0.1:{port}", "--log-level", "warning"),
        *("--state-directory", str(folder)),
    ]
    told = {
        **os.environ,
        "PYTHONPATH": f"{TESTS}:{TESTS.parent}",
        VARIABLE: json.dumps(coming._asdict()),
    }
    return subprocess.Popen(bound(*command), cwd=folder.parent, env=told)


def memory_mib(pid: int) -> float:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def stored_mib(folder: Path) -> float:
    """What is in the files below *folder*."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / MIB


def restarted_s(running: "subprocess.Popen[bytes]", folder: Path, coming: Coming) -> float:
    """How long a worker on a copy of *folder* takes to its first output."""
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as scratch:
        copy, first = Path(scratch) / "state", Path(scratch) / "first"
        running.send_signal(signal.SIGSTOP)  # so that the copy is of one moment
        try:
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.sock"))
        finally:
            running.send_signal(signal.SIGCONT)
        began = time.monotonic()
        process = worker(copy, coming._replace(first_output=str(first)))
        try:
            while not first.exists():
                if time.monotonic() - began > RESTART_S_MAX or process.poll() is not None:
                    raise SystemExit("the worker on a copy has given no output")
                time.sleep(0.01)
            return time.monotonic() - began
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--keys", type=int, default=10_000_000, help="in all minutes")
    parser.add_argument("--ttl-s", type=int, default=60)
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as scratch:
        folder, counted = Path(scratch) / "state", Path(scratch) / "counted"
        per_s = chosen.keys / (60 * chosen.minutes)
        coming = Coming(per_s, chosen.ttl_s, counted=str(counted))
        process = worker(folder, coming)
        began = time.monotonic()
        try:
            for minute in range(1, chosen.minutes + 1):
                time.sleep(max(0.0, began + 60 * minute - time.monotonic()))
                if process.poll() is not None:
                    raise SystemExit(f"the worker has ended {process.returncode}")
                memory, stored = memory_mib(process.pid), stored_mib(folder)
                restart_s = restarted_s(process, folder, coming._replace(counted=""))
                keys = int(counted.read_text())
                before = [row.keys for row in rows][-max(1, round(chosen.ttl_s / 60)) :][:1]
                rows.append(Row(memory, stored, restart_s, keys, keys - sum(before)))
                print(f"minute {minute}: {shown(rows[-1])}", flush=True)
        finally:
            process.kill()
            process.wait()
    raise SystemExit(1 if growth_of(rows, chosen.ttl_s) > GROWTH_MAX else 0)


def shown(row: Row) -> str:
    """A row as text."""
    return (
        f"{row.memory_mib:,.0f} MiB resident, {row.stored_mib:,.0f} MiB stored, "
        f"{row.restart_s:.2f} s to restart, {row.keys:,} keys so far, {row.living:,} live"
    )


def growth_of(rows: list[Row], ttl_s: int) -> float:
    """Says how all has grown since all was there; by which share memory or what is stored has."""
    settled = rows[ttl_s // 60 + 1 :]
    if len(settled) < 2:
        return 0.0
    lines = []
    growths = []
    measured = [name for name in Row._fields if name != "keys"]
    for name in measured:
        column = [getattr(row, name) for row in settled]
        cells = column[0], min(column), max(column), column[-1]
        growths.append(column[-1] / column[0] - 1)
        lines.append([name, *(f"{each:,.2f}" for each in cells), f"{growths[-1]:+.0%}"])
    head = ["", "settled", "least", "most", "last", "growth"]
    print(table(head, lines))
    return max(growths[:2])


if __name__ == "__main__":
    main()
