"""W7: how cost grows with keys, size of records, stages, workers, partitions, members of a cluster.

Theory of operation
===================
A curve is a row of points, each a run with one thing greater than in the run before. The cost of a
point is shown for the unit of work that would cost the same each time if growth were linear: CPU of
all workers for a record, for a byte, for a record in a stage; seconds for a member. So the ratio of
two points is how much worse than linear the growth between them is: 1 is linear, less is better. It
is given to the point before, where a cliff shows, and to the first, where a slow rise shows.

Where state grows, a hand-written loop goes along with the same records, functions and keys: it
shows what of the growth is that of tables and objects which no cache holds. A checkpoint a second
is taken, by the loop none. CPU is counted, not time, since up to eight workers share the cores
with all else. Points are measured by turns, and ratios are those of runs in the same turn. At the
last point of a curve a run is added in which the workers profile themselves: what took most of the
work is named.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench import figures, idle, machine, report
from bench.job import Job, Result
from bench.processes import RunFailedError, run_once

RECORDS = 1_500_000
BYTES = 512 << 20
"""Records and bytes in one run, at most."""
FORMATION = "formation"
LOOPED = ("keys", "stages")
"""Curves along which a hand-written loop over dicts runs beside: what Python itself costs there."""


class Curve(NamedTuple):
    """What grows, the points of it, the job of a point, and its units of work."""

    unit: str
    points: tuple[int, ...]
    job: Callable[[Job, int], Job]
    units: Callable[[Job], float]


def of_records(job: Job) -> float:
    """Units of work: records."""
    return job.size


CURVES = {
    "keys": Curve(
        "us of CPU a record",
        (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
        lambda job, keys: job._replace(keys=keys, size=max(RECORDS, 4 * keys)),
        of_records,
    ),
    "bytes": Curve(
        "ns of CPU a byte, two workers",
        (16, 64, 256, 1024, 4096, 16_384, 65_536),
        lambda job, size: job._replace(
            record_bytes=size, size=min(RECORDS, BYTES // size), parts=2
        ),
        lambda job: job.size * job.record_bytes / 1000,
    ),
    "stages": Curve(
        "us of CPU a record and stage",
        (1, 2, 5, 10, 20),
        lambda job, stages: job._replace(stages=stages, size=2 * RECORDS // (1 + stages)),
        lambda job: job.size * (1 + job.stages),  # that of the source counts
    ),
    "workers": Curve(
        "us of CPU a record",
        (1, 2, 4, 8),
        lambda job, workers: job._replace(parts=workers),
        of_records,
    ),
    "partitions": Curve(
        "us of CPU a record",
        (64, 256, 1024, 4096),
        lambda job, slots: job._replace(slots=slots),
        of_records,
    ),
    FORMATION: Curve("s a worker, from READY", (2, 4, 8, 16, 32), lambda job, _: job, of_records),
}


def ratios(costs: list[list[float]]) -> list[tuple[float, float]]:
    """How much worse than linear each point is: than the point before, and than the first.

    *costs* are those of each point, in the order of the runs.
    """
    before = [costs[0], *costs[:-1]]
    return [
        (figures.ratio(cost, last), figures.ratio(cost, costs[0]))
        for cost, last in zip(costs, before, strict=True)
    ]


def checked(job: Job, interpreter: str, contestant: str = "ours") -> Result:
    """Run a point. Raises RunFailedError: also if not every record has come out."""
    result = run_once(contestant, job, workers=job.parts, interpreter=interpreter)
    came = sum(sum(part) for part in result.outputs)
    if came != job.size // job.parts * job.parts:
        raise RunFailedError(f"{came} of {job.size} records have come out")
    return result


def dominating(job: Job, interpreter: str) -> str:
    """The two things that took most of the work of all workers, and their shares of its time."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        checked(job._replace(profile=f"{folder}/"), interpreter)
        for file in Path(folder).glob("*.json"):
            for hop in json.loads(file.read_text())["hops"]:
                if hop["kind"] == "work":
                    name = hop["hop"].rstrip("0123456789-")  # of all stages alike
                    seconds[name] = seconds.get(name, 0.0) + hop["seconds"]
    return shares(seconds)


def shares(seconds: dict[str, float]) -> str:
    """The two greatest, with their shares of the sum."""
    greatest = sorted(seconds, key=lambda name: -seconds[name])[:2]
    whole = sum(seconds.values())
    return ", ".join(f"{name} {seconds[name] / whole:.0%}" for name in greatest)


def measured(name: str, point: int, job: Job, interpreter: str) -> dict[str, float]:
    """What one run at a point of a curve gives; its cost for a unit of work is *cost*."""
    if name == FORMATION:
        up, formed = idle.formation(point, interpreter)
        return {"cost": formed / point, "formed_s": formed, "all_ready_s": up}
    result = checked(job, interpreter)
    units = CURVES[name].units(job) / 1e6
    facts = {"cost": result.cpu_s / units}
    if name in LOOPED:
        facts["loop"] = checked(job, interpreter, "loop").cpu_s / units
    return facts | {"rate": job.size / result.seconds, "peak_mib": result.peak_mib}


def measure(
    name: str, points: list[int], chosen: argparse.Namespace, results: report.Results
) -> list[list[str]]:
    """Measure a curve, its points by turns: the lines of its table."""
    first = Job("W7", RECORDS, chosen.seed, 1, 1024, "", checkpoint_s=1)
    jobs = {point: CURVES[name].job(first, point) for point in points}
    runs: dict[int, list[dict[str, float]]] = {point: [] for point in points}
    results.values[name] = runs
    for turn, (point, job) in itertools.product(range(chosen.runs), jobs.items()):
        runs[point].append(measured(name, point, job, chosen.python))
        results.keep()
        facts = ", ".join(f"{fact} {value:,.3f}" for fact, value in runs[point][-1].items())
        report.progress(f"W7 {name} {point:,}, run {turn + 1}/{chosen.runs}: {facts}")
    most = [""] * len(points)
    if name != FORMATION:
        most[-1] = results.values[f"{name}: most of the work"] = dominating(job, chosen.python)
        results.keep()
    costs = [[run["cost"] for run in each] for each in runs.values()]
    return [
        [
            f"{point:,}",
            f"{figures.median(cost):.3g}",
            f"{step:.2f}",
            f"{whole:.2f}",
            *beside(runs[point]),
            what,
        ]
        for point, cost, (step, whole), what in zip(points, costs, ratios(costs), most, strict=True)
    ]


def beside(runs: list[dict[str, float]]) -> list[str]:
    """What else a line of a table shows of the runs at a point."""
    middle = {fact: figures.median([run[fact] for run in runs]) for fact in runs[0]}
    if "formed_s" in middle:
        return [f"{middle['formed_s']:.2f} s", f"{middle['all_ready_s']:.1f} s"]
    loop = [f"{middle['loop']:.3g}"] if "loop" in middle else []
    return [*loop, f"{figures.shown(middle['rate'])}/s", f"{middle['peak_mib']:.0f} MiB"]


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure all curves that were chosen, print a table of each."""
    results.values["machine"] = machine.described(["ours"], chosen.python)
    for name in chosen.curves:
        points = chosen.points or list(CURVES[name].points)
        rows = measure(name, points, chosen, results)
        more = ["from READY", "to READY"] if name == FORMATION else ["rate", "memory, peak"]
        if name in LOOPED:
            more = ["a loop", *more]
        head = [name, CURVES[name].unit, "to the last", "to the first", *more, "most of the work"]
        print(report.table(head, rows, style=chosen.style), end="\n\n", flush=True)
