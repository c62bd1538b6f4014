"""W4: how late records are at a fixed rate, from the time they were scheduled for."""

import argparse
import itertools

from bench import figures, machine, report
from bench.job import Job
from bench.processes import RunFailedError, run_once
from bench.throughput import available

SHARES = (0.5, 0.99, 0.999)
WARM_UP_S = 2.0


def measure(name: str, job: Job, chosen: argparse.Namespace) -> list[float]:
    """The percentiles of one run in milliseconds. Raises RunFailedError."""
    result = run_once(name, job, workers=job.parts, interpreter=chosen.python)
    arrived = [pair for part in result.outputs for pair in part]
    if len(arrived) != job.size // job.parts * job.parts:
        raise RunFailedError(f"{name}: {len(arrived)} of {job.size} records have arrived")
    first = min(scheduled for scheduled, _ in arrived) + WARM_UP_S
    delays = [delay * 1000 for scheduled, delay in arrived if scheduled >= first]
    return [figures.percentile(delays, share) for share in SHARES]


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns at each rate, with each number of workers, with and without checkpoints."""
    names = available(["ours", "bytewax"], chosen.python)
    results.values["machine"] = machine.described(names, chosen.python)
    rows = []
    cases = itertools.product(chosen.rates, chosen.workers, (0, 1))
    for rate, workers, checkpoint_s in cases:
        what = f"{rate:,.0f}/s, {workers} worker{'s' if workers > 1 else ''}"
        what += ", a checkpoint a second" if checkpoint_s else ""
        job = Job(
            *("W4", int(rate * (chosen.seconds + WARM_UP_S)), chosen.seed, workers, 1024, ""),
            rate=rate,
            checkpoint_s=checkpoint_s,
        )
        found: dict[str, list[list[float]]] = {name: [] for name in names}
        results.values[what] = found
        for _, name in itertools.product(range(chosen.runs), names):
            try:
                found[name].append(measure(name, job, chosen))
            except RunFailedError as error:
                report.progress(f"W4 {what}: {error}")
                continue
            results.keep()
            report.progress(f"W4 {what}: {name} " + _shown(found[name][-1]))
        rows.append([what, *(_shown(_medians(found[name])) for name in names)])
    print(report.table(["delay in ms: p50 / p99 / p99.9", *names], rows, style=chosen.style))


def _medians(runs: list[list[float]]) -> list[float]:
    return [figures.median(each) for each in zip(*runs, strict=True)]


def _shown(percentiles: list[float]) -> str:
    return " / ".join(f"{each:.2f}" for each in percentiles) or "failed"
