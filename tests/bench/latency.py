"""W4: how late records are at a fixed rate, from the time they were scheduled for.

A machine that is shared takes a core away for milliseconds, now and then and in spells of minutes;
that is most of the last percent of delays, of whatever waits for a time. So turns are short and
many, what stood next to each other is compared, and a bare timer shows what the machine did. Where
that leaves a tie, `--at-once` runs both contestants of a turn at the same time: what the machine
does then, it does to both. Each needs a core of its own.
"""

import argparse
import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from bench import figures, machine, report
from bench.job import Job, Result
from bench.processes import RunFailedError, running
from bench.throughput import available

SHARES = (0.5, 0.99, 0.999)
WARM_UP_S = 1.0
COMPARED, TIMER = ("ours", "bytewax"), "timer"
Turns: TypeAlias = dict[str, list[list[float]]]
"""By contestant, the percentiles of each of its runs."""
Outcome: TypeAlias = tuple[str, list[float] | RunFailedError]


def percentiles(result: Result, job: Job) -> list[float]:
    """Those of one run in milliseconds. Raises RunFailedError: records are missing."""
    arrived = [pair for part in result.outputs for pair in part]
    if len(arrived) != job.size // job.parts * job.parts:
        raise RunFailedError(f"{len(arrived)} of {job.size} records have arrived")
    first = min(scheduled for scheduled, _ in arrived) + WARM_UP_S
    delays = [delay * 1000 for scheduled, delay in arrived if scheduled >= first]
    return [figures.percentile(delays, share) for share in SHARES]


def measure(
    names: Iterable[str], job: Job, interpreter: str, *, at_once: bool
) -> Iterator[Outcome]:
    """One turn: each contestant's name and percentiles, or why there are none."""
    for group in [list(names)] if at_once else [[name] for name in names]:
        with contextlib.ExitStack() as stack:
            results = [
                stack.enter_context(running(name, job, workers=job.parts, interpreter=interpreter))
                for name in group
            ]
            for name, result in zip(group, results, strict=True):
                try:
                    yield name, percentiles(result(), job)
                except RunFailedError as error:
                    yield name, error


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure by turns at each rate, with each number of workers, with and without checkpoints."""
    names = available(list(COMPARED if chosen.at_once else (*COMPARED, TIMER)), chosen.python)
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
        found: Turns = {name: [] for name in names if name != TIMER or not checkpoint_s}
        results.values[what] = found
        for turn in range(chosen.runs):
            for name, outcome in measure(found, job, chosen.python, at_once=chosen.at_once):
                shown = str(outcome)
                if not isinstance(outcome, RunFailedError):
                    found[name].append(outcome)
                    results.keep()
                    shown = _shown(outcome)
                report.progress(f"W4 {what}, run {turn + 1}/{chosen.runs}: {name} {shown}")
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
