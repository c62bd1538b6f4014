"""What the numbers cost that are always counted: a job with and without them, by turns.

The worker is one process, which counts and does not by turns of 70 ms; what is compared is
how many records it reads in a second of its own CPU time. See `contestants.ours_counting`. `least`
is a job that does as little for a record as can be; W1 and W2 are those of `bench throughput`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import figures, machine, report
from bench.contestants.ours_counting import RECORDS, VARIABLE, Turn


def turns_of(job: str, seconds: float) -> list[Turn]:
    """What a worker has measured: (counted, records, CPU seconds) of each turn."""
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        told = Path(folder, "turns")
        Path(folder, "bench.toml").write_text("")
        subprocess.run(
            [
                *(sys.executable, "-m", "bench.contestants.ours_counting", "run"),
                *(
                    "bench.contestants.ours_counting:application",
                    "--config",
                    f"{folder}/bench.toml",
                ),
                *("--log-level", "error", "--state-directory", f"{folder}/state"),
            ],
            env={
                **os.environ,
                "PYTHONHASHSEED": "0",  # else it is executed again, without what is replaced
                VARIABLE: json.dumps([job, seconds, str(told)]),
            },
            check=True,
        )
        return [(on, records, cpu_s) for on, records, cpu_s in json.loads(told.read_text())]


def ratios_of(turns: Sequence[Turn]) -> list[float]:
    """Records by CPU with the numbers over those without, of each four turns: with twice."""
    found = []
    for start in range(0, len(turns) - 3, 4):
        rates = {}
        for counted in (True, False):
            both = [turn for turn in turns[start : start + 4] if turn[0] is counted]
            rates[counted] = sum(turn[1] for turn in both) / sum(turn[2] for turn in both)
        if rates[False]:  # else the machine had no time for it
            found.append(rates[True] / rates[False])
    return found


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure and print."""
    results.values["machine"] = machine.described([], chosen.python)
    rows = []
    for job in RECORDS:
        turns = turns_of(job, chosen.seconds)
        ratios = ratios_of(turns)
        records, cpu_s = sum(turn[1] for turn in turns), sum(turn[2] for turn in turns)
        results.values[job] = ratios
        results.keep()
        low, high = figures.percentile(ratios, 0.25), figures.percentile(ratios, 0.75)
        cost = f"{1e6 * cpu_s / records:.2f} us"
        row = [job, cost, f"{figures.median(ratios):.4f}", f"{low:.3f} to {high:.3f}"]
        rows.append(row)
        report.progress("  ".join(row))
    head = ["with over without numbers, by CPU", "a record", "median", "half of the turns"]
    print(report.table(head, rows, style=chosen.style))
