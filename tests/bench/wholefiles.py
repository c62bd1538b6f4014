"""`make bench-files`: files in, files out, whole processes by turns, every result checked.

A rate is of records that come out, in the time of the whole process less that of the same process
on an input of one record: starting is not the subject. In brackets the ratio by the CPU of the
process, user and system: where much else runs on the machine it says more than the time does.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench import figures, filedata, machine, report
from bench.processes import TESTS
from bench.throughput import available
from bench.venvs import python_of

LIBRARIES = {"loop": "json", "orjson-loop": "orjson", "bytewax": "orjson"}
"""The JSON library of those that choose one. Without JSON both loops are the same."""
JSON = ("json", "sum", "typed")
WAIT_S = 900.0


class Cost(NamedTuple):
    """Seconds of wall time, and of CPU."""

    wall_s: float
    cpu_s: float

    def less(self, other: "Cost") -> "Cost":
        """What is above *other*; at least a thousandth of a second."""
        return Cost(max(1e-3, self.wall_s - other.wall_s), max(1e-3, self.cpu_s - other.cpu_s))


def command_of(contestant: str, workload: str, path: Path, out: Path) -> list[str]:
    """The arguments to Python."""
    given = [workload, str(path), str(out)]
    if contestant == "ours":
        application = "bench.contestants.files_ours:app"
        return ["-m", "wallarood", "run", application, "--exit-on-completion", "--", *given]
    if contestant == "bytewax":
        return ["-m", "bytewax.run", "bench.contestants.files_bytewax:flow"]
    return ["-m", "bench.contestants.files_loop", *given, LIBRARIES[contestant]]


def run_once(contestant: str, workload: str, path: Path, *, python: Path) -> tuple[Cost, str]:
    """What one process costs, and what it wrote. Raises SystemExit: it failed."""
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        out = Path(folder) / "out"
        out.mkdir()
        library = LIBRARIES.get(contestant, "")
        environment = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "WALLAROOD_BENCH_FILES": json.dumps([workload, str(path), str(out), library]),
        }
        with (Path(folder) / "said").open("w+") as said:
            began = time.monotonic()
            process = subprocess.Popen(
                [str(python), *command_of(contestant, workload, path, out)],
                cwd=folder,
                env=environment,
                stdout=said,
                stderr=said,
            )
            _, status, usage = os.wait4(process.pid, 0)
            cost = Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(f"{workload}: {contestant} failed: {said.read()[-2000:]}")
        parts = [each.read_bytes() for each in sorted(out.iterdir())]
        return cost, joined(parts, workload)


def joined(parts: list[bytes], workload: str) -> str:
    """The files as one; each part of a CSV begins with the header."""
    texts = [part.decode() for part in parts]
    if workload != "csv":
        return "".join(texts)
    rows = [text.splitlines() for text in texts]
    heads = rows[0][:1] if rows and rows[0][0] == "key,value" else ["key,value"]
    return "\n".join([*heads, *(row for part in rows for row in part if row != "key,value")])


def measure(
    names: list[str], workload: str, chosen: argparse.Namespace, results: report.Results
) -> dict[str, list[Cost]]:
    """The costs of each contestant, start-up taken off, in the order of the runs."""
    size = max(1, int(filedata.SIZES[workload] * chosen.scale))
    count = size * filedata.OUTPUTS.get(workload, 1)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        whole, single = Path(folder) / "whole", Path(folder) / "single"
        filedata.write_input(whole, workload, size, seed=chosen.seed)
        filedata.write_input(single, workload, 1, seed=chosen.seed)
        for turn in range(chosen.runs):
            for name in names[::-1] if turn % 2 else names:
                python = python_of(_environment(name), chosen.python)
                start, _ = run_once(name, workload, single, python=python)
                cost, output = run_once(name, workload, whole, python=python)
                wrong = filedata.mistake_in(output, workload, size, seed=chosen.seed)
                if wrong:
                    raise SystemExit(f"{workload}: {name} is wrong: {wrong}")
                costs[name].append(cost.less(start))
                report.progress(
                    f"{workload}, run {turn + 1}/{chosen.runs}: {name} "
                    f"{figures.shown(count / costs[name][-1].wall_s)}/s "
                    f"({cost.wall_s:.2f} s, {cost.cpu_s:.2f} s of CPU, "
                    f"starting {start.wall_s:.2f} and {start.cpu_s:.2f})"
                )
                results.values[workload] = {each: costs[each] for each in names}
                results.keep()
    return costs


def _environment(name: str) -> str:
    return "loop" if name.endswith("loop") else name


def row(workload: str, count: int, costs: dict[str, list[Cost]], *, names: list[str]) -> list[str]:
    """A line of the table: rates, then ours in ratio to each of the others."""
    cells = [workload]
    for name in names:
        rates = [count / cost.wall_s for cost in costs.get(name, [])]
        cells.append(figures.shown(statistics.median(rates)) if rates else "")
    for name in names[1:]:
        if name not in costs:
            cells.append("")
            continue
        pairs = list(zip(costs[name], costs[names[0]], strict=True))
        by_time = figures.median([theirs.wall_s / ours.wall_s for theirs, ours in pairs])
        by_cpu = figures.median([theirs.cpu_s / ours.cpu_s for theirs, ours in pairs])
        cells.append(f"{by_time:.2f} ({by_cpu:.2f})")
    return cells


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure all that was chosen, print the table."""
    found = available(sorted({_environment(name) for name in chosen.contestants}), chosen.python)
    names = [name for name in chosen.contestants if _environment(name) in found]
    results.values["machine"] = machine.described(found, chosen.python)
    rows = []
    for workload in chosen.workloads:
        taking_part = [name for name in names if name != "orjson-loop" or workload in JSON]
        costs = measure(taking_part, workload, chosen, results)
        count = int(filedata.SIZES[workload] * chosen.scale) * filedata.OUTPUTS.get(workload, 1)
        rows.append(row(workload, count, costs, names=names))
    head = ["files in, files out", *names, *(f"{names[0]} / {name}" for name in names[1:])]
    print(report.table(head, rows, style=chosen.style), flush=True)
