"""What the numbers cost that are always counted: the same job with and without them, in turns.

Without them, what counts and looks is replaced by what does nothing before the worker starts: the
stopwatches of stages and links, samples of keys, the looks every second, the log of checkpoints.
What a stage counts by an addition of its own stays. Both are compared by CPU time.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import figures, machine, report

APPLICATION = """
import wallarood as w

class Drop:
    state = None
    async def open(self, context, state): return self
    async def write(self, records): pass
    async def prepare(self): return None
    async def commit(self, transaction): pass
    async def aclose(self): pass

class Seen:
    count = 0

@w.state_computation(state=Seen)
def count(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number, state.count

def make(args):
    numbers = w.source("numbers", w.GeneratorSource(count=int(args[0])))
    more = numbers.map(lambda n: n + 1, name="more")
    counted = more.key_by(lambda n: n % 5000, name="by").to(count)
    return w.application("counted", counted.to_sink(Drop(), name="out"))
"""
WITHOUT = """
import sys
import trio
from wallarood.admin.figures.sampler import Sampler
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.looks import Looks
from wallarood.runtime.checkpoint_log import CheckpointLog

async def rest(self):
    await trio.sleep_forever()

def nothing(self, *arguments, **named):
    return None

Sampler.run = rest
Stopwatch.__enter__ = Stopwatch.__exit__ = nothing
Looks.look = nothing
for name in ("begun", "barrier", "collected", "written", "failed", "abandoned", "committed"):
    setattr(CheckpointLog, name, nothing)
from wallarood.__main__ import main
sys.exit(main())
"""
WITH = "import sys\nfrom wallarood.__main__ import main\nsys.exit(main())\n"


def cpu_s(directory: Path, program: str, records: int) -> float:
    """The CPU time of a worker that reads so many records, from exec to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(dir=directory) as state:
        subprocess.run(
            [
                *(sys.executable, "-c", program, "run", "counted.py:make"),
                *("--config", "bench.toml", "--exit-on-completion", "--log-level", "error"),
                *("--state-directory", f"{state}/state", "--", str(records)),
            ],
            cwd=directory,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure and print."""
    results.values["machine"] = machine.described([], chosen.python)
    records, ratios = round(2_000_000 * chosen.scale), []
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        directory = Path(folder)
        (directory / "counted.py").write_text(APPLICATION)
        (directory / "bench.toml").write_text("")
        start = {each: cpu_s(directory, each, 1) for each in (WITH, WITHOUT)}
        times: dict[str, list[float]] = {WITH: [], WITHOUT: []}
        for turn in range(chosen.runs):
            order = (WITH, WITHOUT) if turn % 2 else (WITHOUT, WITH)
            for program in order:
                times[program].append(cpu_s(directory, program, records) - start[program])
            ratios.append(times[WITHOUT][-1] / times[WITH][-1])
            report.progress(f"turn {turn + 1}: {ratios[-1]:.4f}")
    results.values["ratios"] = ratios
    results.keep()
    lowest = min(times[WITHOUT]) / min(times[WITH])
    rows = [
        ["median of the turns", f"{figures.median(ratios):.4f}"],
        ["lowest over lowest", f"{lowest:.4f}"],
    ]
    print(
        report.table(["throughput with over without numbers", "by CPU"], rows, style=chosen.style)
    )
