"""What a change costs: how long the flow stands still while a worker joins, and while one leaves.

A running sum for each key, on two workers; a third joins and leaves again, as often as it is to be
measured. The pause is what a user sees: the longest time for which a worker that is there before
and after has worked on nothing. It is measured under a steady load, of which each interval of
checkpoints changes 5 % of the keys. How much of its speed the flow keeps while slots are copied is
measured on another cluster, which works as fast as it can.

Every wait ends, and so does the whole: what was measured by then is printed.
"""

import argparse
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from support.harness import Hosts, WorkerProcess, hosts_in

from bench import figures, machine, report
from bench.checkpoints import checkpoint_of, records_of
from bench.copies import cpu_s
from wallarood.admin import client
from wallarood.model.topology import StageKind

APPLICATION = """
import os
import time

import attrs

import wallarood as w

KEYS, EACH, FIRST, PART, VISITS = {keys}, {each}, {first}, {part}, {visits}
GAP_S, MARK_S = 0.02, 0.1
last = marked = time.monotonic()
gaps = open(f"gaps-{{os.getpid()}}", "a", buffering=1)
marks = open(f"marks-{{os.getpid()}}", "a", buffering=1)


def keys_of(number: int) -> list[int]:
    global marked
    filling = KEYS // FIRST
    if number < filling:
        return list(range(number * FIRST, (number + 1) * FIRST))
    now = time.monotonic()
    if now - marked > MARK_S:
        marked = now
        marks.write(f"{{now}} {{number * EACH}}\\n")
    turn, place = divmod((number - filling) * EACH, VISITS * PART)
    start = turn * PART + place % PART
    return [key % KEYS for key in range(start, start + EACH)]


@attrs.define
class Sum:
    value: int = 0


def spread(keys: list[int]) -> list[int]:
    return keys


@w.state_computation(state=Sum)
def add(key: int, total: Sum) -> tuple[int, int]:
    global last
    total.value += 1
    if key % 16 == 0:
        now = time.monotonic()
        if now - last > GAP_S:
            gaps.write(f"{{last}} {{now}}\\n")
        last = now
    return key, total.value


app = w.application(
    "sums",
    w.source("numbers", w.GeneratorSource(keys_of{rate}))
    .flat_map(spread)
    .key_by(int, name="by-key")
    .to(add)
    .filter(lambda summed: summed[0] % 1000 == 0)
    .to_sink(w.FileSink("sums")),
)
"""
EACH, FIRST = 100, 1000
WAIT_S, LOOK_S = 60.0, 0.2
DAY_S = 24 * 3600.0
STAND_STILL, COPYING = "all sources stand still", "while records flow"


class TooSlowError(Exception):
    """Something that was waited for has not happened in time."""


def until(what: str, condition: Callable[[], object], *, wait_s: float = WAIT_S) -> None:
    """Wait for *condition*, with few looks: each costs the workers time."""
    end = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > end:
            raise TooSlowError(f"not within {wait_s:g} s: {what}")
        time.sleep(LOOK_S)


@attrs.frozen
class Cost:
    """One change: how long nothing was worked on, and what it took of time and processor time.

    `kept` is which part of the records of before were worked on in a second while slots were
    copied, for `copied_s`; `slots` is how many moved, of `of`.
    """

    pause_s: float
    took_s: float
    cpu_s: float
    copied_s: float
    kept: float
    slots: int
    of: int


@attrs.define
class Cluster:
    """Two workers and one that comes and goes."""

    hosts: Hosts
    file: Path
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)
    epoch: int = 1

    @property
    def staying(self) -> list[WorkerProcess]:
        """Those that are there all the time."""
        return [self.workers["alpha"], self.workers["beta"]]

    @property
    def _socket(self) -> Path:
        return self.workers["alpha"].state / "admin.sock"

    def start(self, name: str, *flags: str, initializer: bool = False) -> None:
        """Start a worker."""
        self.workers[name] = self.hosts.start(
            name, str(self.file), *flags, count=2, initializer=initializer
        )

    def until_running(self, epoch: int) -> None:
        """Wait for an epoch to run everywhere."""

        def runs(worker: WorkerProcess) -> bool:
            status = worker.status()
            return status is not None and (status.epoch, status.job.value) == (epoch, "running")

        for worker in self.workers.values():
            until(f"{worker.name} runs in epoch {epoch}", lambda each=worker: runs(each))
        self.epoch = epoch

    def join(self) -> None:
        """A third worker joins."""
        shutil.rmtree(self.hosts.directory / "state" / "gamma", ignore_errors=True)
        self.start("gamma", "--join")
        self.until_running(self.epoch + 1)

    def leave(self) -> None:
        """It leaves again."""
        client.shrink(self._socket, names="gamma")
        gone = self.workers["gamma"]
        until("gamma has left", lambda: gone.process.poll() is not None)
        del self.workers["gamma"]
        self.until_running(self.epoch + 1)

    def commits(self, count: int) -> None:
        """Wait until so many more checkpoints are committed."""
        before = checkpoint_of(self.workers["alpha"]).committed
        done = lambda: checkpoint_of(self.workers["alpha"]).committed >= before + count  # noqa: E731
        until("checkpoints are committed", done)

    def owners(self) -> list[str]:
        """Who has each slot."""
        stages = client.topology(self._socket).stages
        return [name for s in stages if s.kind is StageKind.PARTITIONED for name in s.owners]

    def measure(self, change: str, seconds: float) -> Cost:
        """Measure one change, after it has run for *seconds* without any."""
        owners = self.owners()
        time.sleep(seconds)
        began, cpu = time.monotonic(), cpu_s(self.staying)
        (self.join if change == "grow" else self.leave)()
        took, used = time.monotonic() - began, cpu_s(self.staying) - cpu
        self.commits(1)
        moved = sum(old != new for old, new in zip(owners, self.owners(), strict=True))
        start, end = self._copying(began)
        kept = self._rate(start, end) / self._rate(began - seconds, began)
        longest = self._longest_gap(began)
        return Cost(longest, took, used, end - start, kept, moved, len(owners))

    def _longest_gap(self, since: float) -> float:
        """The longest time that one of those that stay has worked on nothing, after *since*."""
        return max(
            (
                ended - started
                for worker in self.staying
                for started, ended in self._rows(f"gaps-{worker.process.pid}")
                if started > since
            ),
            default=0.0,
        )

    def _copying(self, since: float) -> tuple[float, float]:
        """From when to when slots were copied while records flowed, after *since*."""
        workers = self.hosts.workers
        began = [at for each in workers for at in _said(each, COPYING) if at > since]
        ended = [at for each in workers for at in _said(each, STAND_STILL) if at > since]
        return (min(began), min(ended)) if began and ended else (since, since)

    def _rate(self, start: float, end: float) -> float:
        """How many records were read in a second."""
        rows = self._rows(f"marks-{self.workers['alpha'].process.pid}")
        some = [(at, read) for at, read in rows if start <= at <= end]
        if len(some) < 2:
            return float("nan")
        return (some[-1][1] - some[0][1]) / (some[-1][0] - some[0][0])

    def _rows(self, name: str) -> Iterator[tuple[float, float]]:
        for line in (self.hosts.directory / name).read_text().splitlines():
            one, other = map(float, line.split())
            yield one, other


def _said(worker: WorkerProcess, text: str) -> Iterator[float]:
    """When *worker* has said *text*, by the monotonic clock."""
    now = time.monotonic()
    for line in worker.said.splitlines():
        found = re.match(r"(\d\d):(\d\d):(\d\d\.\d+) ", line) if text in line else None
        if found:
            hours, minutes, seconds = map(float, found.groups())
            ago = (time.time() - hours * 3600 - minutes * 60 - seconds) % DAY_S
            yield now - ago


@contextmanager
def cluster(keys: int, *, rate: float, part: int, visits: int) -> Iterator[Cluster]:
    """A cluster that has seen all keys, reading *rate* records a second; 0: as fast as it can."""
    with tempfile.TemporaryDirectory() as folder, hosts_in(Path(folder), interval="1s") as hosts:
        hosts.executes = True
        # As an installed package is: what is imported is compiled.
        hosts.environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/pyc"}
        file = hosts.directory / "sums.py"
        given = f", rate={rate / EACH}" if rate else ""
        what: dict[str, Any] = {"keys": keys, "part": part, "visits": visits, "rate": given}
        file.write_text(APPLICATION.format(each=EACH, first=FIRST, **what))
        made = Cluster(hosts, file)
        for name in ("alpha", "beta"):
            made.start(name, initializer=name == "alpha")
        until("all keys are seen", lambda: records_of(made.staying) > keys // FIRST)
        made.commits(3)
        yield made


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure, print the tables. Raises SystemExit: not all could be measured in time."""
    results.values["machine"] = machine.described([], chosen.python)
    load, ends = os.getloadavg()[0], time.monotonic() + chosen.limit
    steady: dict[str, list[Cost]] = {"grow": [], "shrink": []}
    fast: dict[str, list[Cost]] = {"grow": [], "shrink": []}
    problem = ""
    rounds = (
        (steady, chosen.runs, chosen.rate, chosen.keys, 1),
        (fast, max(1, chosen.runs // 4), 0.0, max(1, chosen.keys // 40), 28),
    )
    for costs, runs, rate, part, visits in rounds:
        name = "steady" if costs is steady else "fast"
        try:
            with cluster(chosen.keys, rate=rate, part=part, visits=visits) as made:
                for turn in range(runs):
                    for change, found in costs.items():
                        if time.monotonic() > ends:
                            raise TooSlowError(f"not within {chosen.limit:g} s: all of it")
                        found.append(made.measure(change, chosen.seconds))
                        report.progress(f"{name} {change} {turn + 1}/{runs}: {found[-1]}")
                        results.values[f"{name} {change}"] = [attrs.asdict(one) for one in found]
                        results.keep()
                    if chosen.logs:
                        keep_logs(made, chosen.logs)
        except TooSlowError as error:
            problem = str(error)
            break
    told(chosen, steady, fast, load=load)
    if problem:
        raise SystemExit(f"stopped: {problem}")


def keep_logs(made: Cluster, directory: Path) -> None:
    """Put what the workers say into *directory*."""
    for worker in made.hosts.workers:
        (directory / f"{worker.name}-{worker.process.pid}.log").write_text(worker.said)


def told(
    chosen: argparse.Namespace,
    steady: Mapping[str, list[Cost]],
    fast: Mapping[str, list[Cost]],
    *,
    load: float,
) -> None:
    """Print what was measured, and what it is."""
    seconds = lambda values, share: f"{figures.percentile(values, share):.2f} s"  # noqa: E731
    head = ["", "runs", "pause p50", "p90", "longest", "copied ahead", "in all", "CPU", "slots"]
    rows = []
    for change, found in steady.items():
        if found:
            pauses = [each.pause_s for each in found]
            some = [[each.copied_s for each in found], [each.took_s for each in found]]
            some.append([each.cpu_s for each in found])
            moved = sorted({f"{each.slots} of {each.of}" for each in found})
            rows.append(
                [
                    *(change, str(len(found))),
                    *(seconds(pauses, share) for share in (0.5, 0.9, 1.0)),
                    *(seconds(values, 0.5) for values in some),
                    ", ".join(moved),
                ]
            )
    print(
        f"A worker joins two others (grow) and leaves again (shrink). {chosen.keys:,} keys; "
        f"{chosen.rate:,.0f} records\na second change "
        f"{min(1.0, chosen.rate / chosen.keys):.0%} of them from one checkpoint to the next. All "
        f"on this machine: {os.cpu_count()} processors,\nload {load:.1f} before. pause: the "
        "longest time for which a worker that stays worked on nothing. CPU: what\nthose that stay "
        "used from the command to the end. slots: how many moved. Medians where not said else.\n"
    )
    print(report.table(head, rows, style=chosen.style))
    head = ["", "runs", "rate while slots are copied, of that before: p50", "least"]
    rows = [
        [change, str(len(kept)), f"{figures.median(kept):.2f}", f"{min(kept):.2f}"]
        for change, found in fast.items()
        if (kept := [each.kept for each in found if each.kept == each.kept])
    ]
    print("\nThe same keys, read as fast as two workers can; the third and its start included.\n")
    print(report.table(head, rows, style=chosen.style))
