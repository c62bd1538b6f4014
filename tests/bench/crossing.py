"""What a record costs that crosses the data channel, in CPU at both ends together.

W2 with two workers, by turns with two clusters of one worker that run at the same time: cores that
share caches and execution units make the same work dearer when both are busy, and that is not the
data channel's doing. With two workers every second record has a key of the other worker: what more
CPU they use, divided by half of the records, is what crossing costs.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

from bench import data, figures, machine, report
from bench.job import Job
from bench.processes import run_once

WORKLOAD = "W2"


def apart(job: Job, interpreter: str) -> float:
    """Seconds of CPU of two clusters of one worker, each with half of the records."""
    half = job._replace(size=job.size // 2, parts=1)
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(run_once, "ours", half, workers=1, interpreter=interpreter)
            for _ in range(2)
        ]
        return sum(each.result().cpu_s for each in runs)


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns and print: microseconds of CPU a record."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    size = int(data.SIZES[WORKLOAD] * chosen.scale)
    job = Job(WORKLOAD, size, chosen.seed, parts=2, batch=1024, out="")
    alone: list[float] = []
    together: list[float] = []
    results.values["us a record"] = {"apart": alone, "together": together}
    for turn in range(chosen.runs):
        alone.append(apart(job, chosen.python) / size * 1e6)
        result = run_once("ours", job, workers=2, interpreter=chosen.python)
        together.append(result.cpu_s / size * 1e6)
        results.keep()
        said = f"{alone[-1]:.2f} us apart, {together[-1]:.2f} us together"
        report.progress(f"crossing, run {turn + 1}/{chosen.runs}: {said}")
    crossing = [2 * (two - one) for one, two in zip(alone, together, strict=True)]
    rows = [
        ["two clusters of one worker, a record", f"{figures.median(alone):.2f} us"],
        ["one cluster of two workers, a record", f"{figures.median(together):.2f} us"],
        ["crossing, a crossing record", f"{figures.median(crossing):.2f} us"],
    ]
    print(report.table(["W2, CPU of all processes", "median"], rows, style=chosen.style))
