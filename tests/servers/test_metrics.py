"""Metrics tell of servers that are away, what waits for them, and how far a source has come."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.harness import WorkerProcess, hosts_in, wait_for
from support.scraped import samples
from support.servers.changes import NUMBERS, query, slot_of, where
from support.servers.process import Server, demand, serving
from support.systems.known import SYSTEMS
from support.systems.system import come_back, leave

APPLICATION = """
import wallarood as w

def pair(number: int) -> tuple[str, int]:
    return f"w{{number % 5}}", number

app = w.application(
    "told",
    w.source("numbers", w.GeneratorSource(pair, rate=200)).to_sink({sink}, name="out"),
    w.source("in", {source}).to_sink(w.ListSink([]), name="list"),
)
"""
CHANGES = """
import wallarood as w

app = w.application(
    "changes",
    w.source("in", w.PostgresSource("{where}", "{slot}", slot="{slot}"))
    .to_sink(w.ListSink([]), name="list"),
)
"""
NAMES = [
    pytest.param("redis"),
    pytest.param("nats", marks=pytest.mark.long),
    pytest.param("kafka", marks=pytest.mark.long),
]


def figures(worker: WorkerProcess, step: str) -> dict[str, float]:
    """Of a sink, or the largest of all partitions of a source, by names without what is common."""
    found: dict[str, float] = {}
    for (name, *labels), value in samples(worker).items():
        if step in labels:
            short = name.removeprefix("wallarood_").removesuffix("_total")
            found[short] = max(value, found.get(short, 0.0))
    return found


def told(worker: WorkerProcess, step: str, holds: Callable[[dict[str, float]], bool]) -> None:
    """Wait until it *holds* of the figures of a step."""
    last: dict[str, float] = {}

    def now() -> bool:
        nonlocal last
        last = figures(worker, step)
        return holds(last)

    try:
        wait_for(f"metrics of {step!r}", now, wait_s=60)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{last}") from None


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_is_away_shows_with_what_waits_for_it(name: str, tmp_path: Path) -> None:
    entry = SYSTEMS[name]
    demand(entry.missing())
    with serving(entry.server) as server, hosts_in(tmp_path) as hosts:
        system = entry.use(server, tmp_path, "told")
        system.begin()
        file = tmp_path / "told.py"
        file.write_text(APPLICATION.format(source=system.source, sink=system.sink()))
        system.feed({0: ["a"] * 30, 1: ["b"] * 20})
        (worker,) = hosts.start_cluster(1, str(file))
        wait_for("it runs", lambda: worker.phase() == "running")
        told(worker, "out", lambda it: it.get("sink_published", 0) >= 2)
        told(worker, "in", lambda it: it.get("source_records") == 30)
        told(worker, "in", lambda it: it.get("source_lag_records") == 0)
        first = figures(worker, "out")
        assert 0 <= time.time() - first["sink_published_seconds"] < 30
        assert first["sink_failures"] == 0
        assert "sink_failing_since_seconds" not in first
        assert "source_away_since_seconds" not in figures(worker, "in")
        left_at = time.time()
        leave(system)
        told(worker, "out", lambda it: it["sink_failures"] >= 2)
        told(worker, "out", lambda it: it["sink_waiting_records"] >= 400)
        told(worker, "in", lambda it: it["source_reconnects"] >= 1)
        away, source = figures(worker, "out"), figures(worker, "in")
        assert left_at - 2 < away["sink_failing_since_seconds"] < time.time()
        assert left_at - 2 < source["source_away_since_seconds"] < time.time()
        assert away["sink_waiting_transactions"] >= 2
        assert away["sink_waiting_bytes"] >= away["sink_waiting_records"]
        come_back(system)
        told(worker, "out", lambda it: "sink_failing_since_seconds" not in it)
        told(worker, "out", lambda it: it["sink_waiting_records"] == 0)
        told(worker, "in", lambda it: "source_away_since_seconds" not in it)
        back = figures(worker, "out")
        assert back["sink_published"] > away["sink_published"]
        assert back["sink_published_seconds"] > away["sink_failing_since_seconds"]


def test_the_log_of_postgresql_shows_how_much_was_not_read(
    postgres: Server, tmp_path: Path
) -> None:
    with slot_of(postgres, f"slot_{next(NUMBERS)}") as slot, hosts_in(tmp_path) as hosts:
        query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, said text)")
        file = tmp_path / "changes.py"
        file.write_text(CHANGES.format(where=where(postgres), slot=slot))
        (worker,) = hosts.start_cluster(1, str(file))
        wait_for("it runs", lambda: worker.phase() == "running")
        told(worker, "in", lambda it: it.get("source_lag_bytes") == 0)
        fill = f"INSERT INTO {slot} SELECT n, repeat('x', 500) FROM generate_series(1, 40000) n"
        query(postgres, fill)
        told(worker, "in", lambda it: it["source_lag_bytes"] > 0 or it["source_records"] > 0)
        told(worker, "in", lambda it: it["source_records"] == 40_000)
        told(worker, "in", lambda it: it["source_lag_bytes"] == 0)
