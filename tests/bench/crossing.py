"""What a record costs that crosses the data channel, in CPU at both ends together.

W2 with one worker and with two, by turns. With two each record has a key of the other worker every
second time: what more CPU the cluster uses, divided by half of its records, is what crossing costs.
"""

import argparse

from bench import data, figures, machine, report
from bench.job import Job
from bench.processes import run_once

WORKLOAD = "W2"


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns and print: microseconds of CPU a record."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    size = int(data.SIZES[WORKLOAD] * chosen.scale)
    costs: dict[int, list[float]] = {1: [], 2: []}
    results.values["us a record by workers"] = costs
    for turn in range(chosen.runs):
        for workers, found in costs.items():
            job = Job(WORKLOAD, size, chosen.seed, parts=workers, batch=1024, out="")
            result = run_once("ours", job, workers=workers, interpreter=chosen.python)
            found.append(result.cpu_s / size * 1e6)
            results.keep()
            report.progress(f"run {turn + 1}/{chosen.runs}: {workers} workers {found[-1]:.2f} us")
    crossing = [2 * (two - one) for one, two in zip(*costs.values(), strict=True)]
    rows = [
        ["one worker, a record", f"{figures.median(costs[1]):.2f} us"],
        ["two workers, a record", f"{figures.median(costs[2]):.2f} us"],
        ["crossing, a crossing record", f"{figures.median(crossing):.2f} us"],
    ]
    print(report.table(["W2, CPU of all processes", "median"], rows, style=chosen.style))
