"""Rows into a table of PostgreSQL: ours beside a bare COPY of the same rows, on one server.

The processor's time of the client, and the time that passes, of many rows less those of few, so
that what it takes to start does not count. Both in turns; each table is counted and summed up. Ours
takes a checkpoint a second: what is made in one is copied while the next is made.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from support.servers import postgres as postgreses
from support.servers.changes import query, where
from support.servers.process import Server, serving

from bench.alone import CONTESTANTS, run_alone
from bench.report import Results, progress, table

FEW, MANY = 20_000, 2_000_000


def _copy(url: str, name: str, count: int) -> None:
    command = [sys.executable, str(CONTESTANTS / "postgres_copy.py"), url, name, str(count)]
    subprocess.run(command, check=True, capture_output=True)


def _ours(url: str, name: str, count: int) -> None:
    run_alone("postgres_ours.py:app", url, name, str(count))


def _spent(work: Callable[[], None]) -> tuple[float, float]:
    """The processor's time of the processes that *work* starts, and the time that passes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    after, passed = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, passed


def _check(server: Server, name: str, count: int) -> None:
    found = query(server, f"SELECT count(*), coalesce(sum(id), 0)::bigint FROM {name}")
    assert found == [(count, count * (count - 1) // 2)], f"{name}: other rows"


def run(arguments: argparse.Namespace, results: Results) -> None:
    """Measure and print microseconds a row."""
    contestants = {"ours": _ours, "copy": _copy}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    with serving(postgreses.server) as server:
        for turn in range(arguments.runs):
            progress(f"run {turn + 1} of {arguments.runs}")
            for name, work in contestants.items():
                spent = {}
                for count in (FEW, MANY):
                    into = f"{name}_{turn}_{count}"
                    query(server, f"CREATE TABLE {into} (id bigint, said text, half float8)")
                    spent[count] = _spent(
                        lambda w=work, t=into, c=count: w(where(server), t, c)  # type: ignore[misc]
                    )
                    _check(server, into, count)
                    query(server, f"DROP TABLE {into}")
                for found, place in ((cpu, 0), (wall, 1)):
                    each = (spent[MANY][place] - spent[FEW][place]) / (MANY - FEW)
                    found[name].append(each * 1e6)
    results.values["us a row, processor"], results.values["us a row, passed"] = cpu, wall
    results.keep()
    head = ["rows into PostgreSQL", "ours, µs a row", "COPY", "ratio", "demanded"]
    rows = []
    for what, found in (("processor", cpu), ("time", wall)):
        ours, copy = median(found["ours"]), median(found["copy"])
        rows.append([what, f"{ours:.2f}", f"{copy:.2f}", f"{copy / ours:.2f}", "0.60"])
    print(table(head, rows, style=arguments.style))
