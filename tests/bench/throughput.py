"""W1, W2 and W3: ours and the others by turns, every result checked, medians and ratios.

A ratio is that of rates, and in brackets that of the CPU for a record of all processes: where much
else runs on the machine the first tells little, the second still which does less work.
"""

import argparse
import statistics
from typing import Any

from bench import data, figures, machine, report
from bench.job import Job
from bench.oracle import mistake_in
from bench.processes import RunFailedError, run_once
from bench.venvs import NotInstalledError, python_of

BATCH = 1024
BATCHES = {"bytewax": 4096}
"""The batch of an input, where another one than 1,024 makes the contestant faster."""
SHARES = {"quix": 0.02, "bytewax T1": 0.25, "bytewax T2": 0.25}
"""The share of the input for a contestant that would need minutes for all of it; of a workload."""
FINALS = ("aggregated", "pathway")
"""Those that do not tell of every record, but of each key now and then, or at the end."""


def measure(
    contestants: list[str], workload: str, chosen: argparse.Namespace, results: report.Results
) -> dict[str, dict[str, list[float]]]:
    """Rates and CPU of each contestant, in the order of the runs; into *results* as they come.

    A contestant that fails is left out from then on. That another one's results are wrong is said;
    those of the first must be right.
    """
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    costs: dict[str, list[float]] = {name: [] for name in contestants}
    errors: dict[str, str] = {}
    measured = {"rates": rates, "us of CPU": costs}
    results.values[workload] = {**measured, "errors": errors}
    workers: int = chosen.workers
    # Every second turn goes backwards: it matters who has run just before.
    turns = [contestants[::-1] if turn % 2 else contestants for turn in range(chosen.runs)]
    for turn, name in ((turn, name) for turn, names in enumerate(turns) for name in names):
        if name in errors:
            continue
        share = chosen.scale * SHARES.get(f"{name} {workload}", SHARES.get(name, 1.0))
        size = max(workers, int(data.size_of(workload) * share))
        batch = BATCHES.get(name, BATCH)
        job = Job(workload, size, chosen.seed, parts=workers, batch=batch, out="")
        try:
            result = run_once(name, job, workers=workers, interpreter=chosen.python)
        except RunFailedError as error:
            errors[name] = str(error)
            report.progress(f"{workload} {name}: {error}")
            continue
        outputs = result.outputs
        wrong = mistake_of(name, outputs, job)
        if wrong and name == contestants[0]:
            raise SystemExit(f"{workload}: {name} is wrong: {wrong}")
        if wrong:
            errors.setdefault(f"{name}, wrong", wrong)
            report.progress(f"{workload}: {name} is wrong: {wrong}")
        count = data.counted(workload, size, workers)
        rate = sum(result.rates) if name == "loop" else count / result.seconds
        rates[name].append(rate)
        costs[name].append(result.cpu_s / count * 1e6)
        results.keep()
        report.progress(
            f"{workload}, {workers} workers, run {turn + 1}/{chosen.runs}: {name} "
            f"{figures.shown(rate)}/s ({result.seconds:.2f} s)"
        )
    return measured


def mistake_of(name: str, outputs: list[list[Any]], job: Job) -> str:
    """What is wrong with the outputs of *name*. Loops know nothing of each other: each alone."""
    if name != "loop":
        return mistake_in(outputs, job, range(job.parts), finals=name in FINALS)
    found = [mistake_in([part], job, [number]) for number, part in enumerate(outputs)]
    return next(filter(None, found), "")


def row(
    workload: str, workers: int, measured: dict[str, dict[str, list[float]]], names: list[str]
) -> list[str]:
    """A line of the table: medians, then the first in ratio to each of the others."""
    rates, costs = measured.values()
    cells = [f"{workload}, {workers} worker{'s' if workers > 1 else ''}"]
    for name in names:
        each = rates[name]
        spread = f" ±{statistics.pstdev(each) / figures.median(each):.0%}" if each else ""
        cells.append(figures.shown(figures.median(each)) + spread if each else "failed")
    first = names[0]
    for name in names[1:]:
        if len(rates[name]) == len(rates[first]) > 0:
            of_rates = figures.ratio(rates[first], rates[name])
            of_costs = figures.ratio(costs[name], costs[first])
            cells.append(f"{of_rates:.2f} ({of_costs:.2f})")
        else:
            cells.append("")
    return cells


def available(names: list[str], interpreter: str) -> list[str]:
    """Those whose environment is there or can be made; says which is not, and why."""
    found = []
    for name in names:
        try:
            python_of(name, interpreter)
        except NotInstalledError as error:
            if name == "ours":
                raise SystemExit(str(error)) from error
            report.progress(f"left out: {error}")
        else:
            found.append(name)
    return found


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure all that was chosen, print the table."""
    names = available(chosen.contestants, chosen.python)
    results.values["machine"] = machine.described(names, chosen.python)
    rows = []
    for workload in chosen.workloads:
        measured = measure(names, workload, chosen, results)
        rows.append(row(workload, chosen.workers, measured, names))
    loops = "loop" if chosen.workers == 1 else f"{chosen.workers} loops"
    heads = [loops if name == "loop" else name for name in names]
    head = ["rate a second", *heads, *(f"{heads[0]} / {name}" for name in heads[1:])]
    print(report.table(head, rows, style=chosen.style), flush=True)
