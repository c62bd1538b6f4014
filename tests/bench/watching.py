"""What watching costs: a page that stays open, and scrapers that ask fifty times a second.

First the same worker runs with and without scrapers in turns, and what counts is how many records
it processes in a second of its own CPU time. Then a page is open for as long as is wanted, and each
minute it is told what worker and page have in memory.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.bound import bound

from bench import figures, machine, report
from bench.idle import cpu_s, resident_mib
from bench.processes import free_ports

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

numbers = w.source("numbers", w.GeneratorSource(RATE))
counted = numbers.key_by(lambda n: n % 5000, name="by").to(count)
app = w.application("watched", counted.to_sink(Drop(), name="out"))
"""
CHROMIUM = "/usr/bin/chromium"
SETTLE_S = 3.0


@contextmanager
def worker(directory: Path, rate: int | None) -> Iterator[tuple[int, int]]:
    """A worker that counts, for a `with` statement: its process, and the port of its page."""
    [port] = free_ports(1)
    generated = "" if rate is None else f"rate={rate}"
    (directory / "watched.py").write_text(APPLICATION.replace("RATE", generated))
    (directory / "bench.toml").write_text("")
    with (directory / "stderr").open("wb") as said:
        process = subprocess.Popen(
            bound(
                *(sys.executable, "-m", "wallarood", "run", "watched.py:app"),
                *("--config", "bench.toml", "--admin-http", f"127.0.0.1:{port}"),
                *("--state-directory", "state"),
            ),
            cwd=directory,
            stderr=said,
        )
    try:
        until = time.monotonic() + 60
        while status(port)["job"] != "running":
            if time.monotonic() > until or process.poll() is not None:
                raise TimeoutError((directory / "stderr").read_text()[-1000:])
            time.sleep(0.1)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def status(port: int) -> dict[str, Any]:
    """What the worker says of itself; a state of "" if it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/api/v1/status")
        found: dict[str, Any] = json.load(connection.getresponse())
        return found
    except OSError:
        return {"job": ""}
    finally:
        connection.close()


def records(port: int) -> int:
    """How many records the worker has read."""
    return sum(each["records"] for each in status(port)["sources"])


@contextmanager
def scraping(port: int, *, rate: float, connections: str) -> Iterator[None]:
    """Scrapers in a process of their own, for a `with` statement."""
    process = subprocess.Popen(
        bound(sys.executable, "-c", SCRAPE, str(port), str(rate), connections),
        stdin=subprocess.PIPE,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


SCRAPE = """
import http.client, itertools, sys, time
port, rate, connections = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
kept = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(int(rate) or 1)]
due = time.monotonic()
for number in itertools.count():
    connection = kept[number % len(kept)]
    try:
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "identity"})
        connection.getresponse().read()
    except (http.client.HTTPException, OSError) as error:  # it was idle: the next one is new
        print("scraper:", repr(error), file=sys.stderr, flush=True)
        connection.close()
    if connections == "new":
        connection.close()
    due = max(due + 1 / rate, time.monotonic() - 5)
    time.sleep(max(0.0, due - time.monotonic()))
"""


def per_cpu(process: int, port: int, seconds: float) -> tuple[float, float]:
    """Records in a second of CPU time, and the cores that were used."""
    before, before_s, began = records(port), cpu_s(process), time.monotonic()
    time.sleep(seconds)
    used_s, passed_s = cpu_s(process) - before_s, time.monotonic() - began
    return (records(port) - before) / max(used_s, 1e-9), used_s / passed_s


def compared(chosen: argparse.Namespace) -> list[list[str]]:
    """Throughput with scrapers over that without, and what scrapers cost an idle worker."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder:
        for connections in ("kept", "new"):
            with worker(Path(folder), None) as (process, port):
                time.sleep(SETTLE_S)
                ratios = []
                for _ in range(chosen.runs):
                    alone, _ = per_cpu(process, port, chosen.seconds)
                    with scraping(port, rate=chosen.scrapers, connections=connections):
                        watched, _ = per_cpu(process, port, chosen.seconds)
                    ratios.append(watched / alone)
            rows.append(
                [f"throughput by CPU, {connections} connections", f"{figures.median(ratios):.3f}"]
            )
            with worker(Path(folder), 10) as (process, port):
                time.sleep(SETTLE_S)
                _, alone = per_cpu(process, port, chosen.seconds)
                with scraping(port, rate=chosen.scrapers, connections=connections):
                    time.sleep(1)
                    _, watched = per_cpu(process, port, chosen.seconds)
            rows.append(
                [
                    f"cost to an idle worker, {connections} connections",
                    f"{100 * (watched - alone):.2f} % of a core",
                ]
            )
    return rows


def kept_open(chosen: argparse.Namespace, results: report.Results) -> None:
    """A page is open, and scrapers ask; each minute a line."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for this alone

    found = results.values["page"] = []
    with (
        tempfile.TemporaryDirectory(prefix="wallarood-bench-") as folder,
        worker(Path(folder), 2000) as (process, port),
        scraping(port, rate=chosen.scrapers, connections="kept"),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        for minute in range(chosen.minutes + 1):
            session.send("HeapProfiler.collectGarbage")
            metrics = {
                each["name"]: each["value"]
                for each in session.send("Performance.getMetrics")["metrics"]
            }
            line = {
                "minute": minute,
                "worker_mib": round(resident_mib(process), 1),
                "page_heap_mib": round(metrics["JSHeapUsedSize"] / 2**20, 2),
                "page_nodes": int(metrics["Nodes"]),
                "page_listeners": int(metrics["JSEventListeners"]),
                "cpu_s": round(cpu_s(process), 1),
                "records": records(port),
            }
            found.append(line)
            results.keep()
            report.progress(json.dumps(line))
            if minute < chosen.minutes:
                page.wait_for_timeout(60_000)
        browser.close()


def run(chosen: argparse.Namespace, results: report.Results) -> None:
    """Measure and print."""
    results.values["machine"] = machine.described([], chosen.python)
    if chosen.runs:
        rows = results.values["compared"] = compared(chosen)
        results.keep()
        scrapers = f"{chosen.scrapers:g} scrapes a second"
        print(report.table([scrapers, "median"], rows, style=chosen.style))
    if chosen.minutes:
        kept_open(chosen, results)
