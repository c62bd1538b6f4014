"""W4: how late records are at a fixed rate, from the time they were scheduled for.

A machine that is shared takes a core away for milliseconds, now and then and in spells of minutes;
that is most of the last percent of delays, of whatever waits for a time. So turns are short and
many, what stood next to each other is compared, and a bare timer shows what the machine did.
"""

import argparse
import itertools
from collections.abc import Iterable
from typing import TypeAlias

from bench import figures, machine, report
from bench.job import Job
from bench.processes import RunFailedError, run_once
from bench.throughput import available

SHARES = (0.5, 0.99, 0.999)
WARM_UP_S = 1.0
NAMES = ("ours", "bytewax", "timer")
Turns: TypeAlias = dict[str, list[list[float]]]
"""By contestant, the percentiles of each of its runs."""


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
    names = available(list(NAMES), chosen.python)
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
        # A timer has nothing to check, so it is not measured twice.
        found: Turns = {name: [] for name in names if name != "timer" or not checkpoint_s}
        results.values[what] = found
        for turn, name in itertools.product(range(chosen.runs), found):
            try:
                found[name].append(measure(name, job, chosen))
            except RunFailedError as error:
                report.progress(f"W4 {what}: {error}")
                continue
            results.keep()
            shown = f"run {turn + 1}/{chosen.runs}: {name} {_shown(found[name][-1])}"
            report.progress(f"W4 {what}, {shown}")
        rows.append(row(what, found, names))
    head = ["delay in ms: p50 / p99 / p99.9", *names]
    print(report.table([*head, "ours / bytewax"], rows, style=chosen.style))


def row(what: str, found: Turns, names: list[str]) -> list[str]:
    """A line of the table: medians, then ours in ratio to Bytewax."""
    by_share = {name: list(zip(*turns, strict=True)) for name, turns in found.items()}
    cells = [_shown(map(figures.median, each)) or "failed" for each in by_share.values()]
    cells += [""] * (len(names) - len(cells))
    ours, theirs = by_share["ours"], by_share.get("bytewax", [])
    comparable = len(found["ours"]) == len(found.get("bytewax", ()))
    ratios = map(figures.ratio, ours, theirs) if comparable else ()
    return [what, *cells, _shown(ratios)]


def _shown(percentiles: Iterable[float]) -> str:
    return " / ".join(f"{each:.2f}" for each in percentiles)
