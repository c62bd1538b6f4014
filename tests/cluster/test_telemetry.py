"""A cluster of three sends metrics and traces to a collector, which may be there or not.

A batch's trace goes from worker to worker; a checkpoint and a recovery are one trace of all.
"""

import signal
import time
from collections.abc import Iterable
from pathlib import Path

from support.harness import Hosts, WorkerProcess, hosts_in, wait_for
from support.patience import in_time
from support.servers.otlp import Collector, Manner, Taken, collector_over_http

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def count(number: int, state: Seen) -> int:
    state.count += 1
    return number

numbers = w.source("numbers", w.GeneratorSource(rate=2000))
counted = numbers.key_by(lambda number: number % 100, name="by").to(count)
app = w.application("traced", counted.to_sink(w.FileSink("out"), name="out"))
"""
WORKERS = {"alpha", "beta", "gamma"}


def started(directory: Path, hosts: Hosts, collector: Collector) -> list[WorkerProcess]:
    """Three workers that run, and send to *collector*."""
    (directory / "traced.py").write_text(APPLICATION)
    (directory / "headers").write_text("Authorization: Bearer s3cret\n")
    config = directory / "otel.toml"
    config.write_text(
        f'[otel]\nendpoint = "{collector.endpoint}"\nheaders-file = "{directory / "headers"}"\n'
        'interval = "1s"\nbatches-every = 20\nresource-attributes = ["team=orders"]\n'
    )
    workers = hosts.start_cluster(3, f"{directory / 'traced.py'}:app", "--config", str(config))
    wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
    return workers


def roads(spans: Iterable[Taken]) -> list[list[Taken]]:
    """Of each sink's span all before it, back to a source."""
    by_place = {(each.trace, each.span): each for each in spans}
    found = []
    for each in by_place.values():
        if each.name == "sink out":
            road = [each]
            while (before := by_place.get((each.trace, road[-1].parent))) is not None:
                road.append(before)
            if road[-1].name == "source numbers":
                found.append(road)
    return found


def crossings(collector: Collector) -> list[list[Taken]]:
    return [road for road in roads(collector.spans) if len({each.worker for each in road}) > 1]


def whole(collector: Collector, name: str) -> list[set[str]]:
    """The workers that tell of each trace whose first span is called *name*."""
    return [
        {
            each.worker
            for each in collector.spans
            if each.trace == first.trace and each.parent == first.span
        }
        for first in collector.named(name)
    ]


def recoveries(collector: Collector) -> list[list[Taken]]:
    """The spans of each recovery."""
    traces = [each.trace for each in collector.named("recovery")]
    return [[each for each in collector.spans if each.trace == trace] for trace in traces]


def is_whole(recovery: list[Taken]) -> bool:
    phases = {"halt the job", "read what is held", "write the round", "restore"}
    notes = [note for each in recovery for note in each.notes]
    return phases <= {each.name for each in recovery} and any("gamma" in note for note in notes)


def test_batches_checkpoints_and_a_recovery_are_traced_over_all_workers(tmp_path: Path) -> None:
    with collector_over_http() as collector, hosts_in(tmp_path) as hosts:
        workers = started(tmp_path, hosts, collector)
        wait_for("batches cross", lambda: crossings(collector))
        road = crossings(collector)[0]
        assert [each.name for each in road] == [
            "sink out",
            "stage count",
            *["stage numbers → by"],
            "source numbers",
        ]
        assert all(each.attributes["wallarood.records"] > 0 for each in road)
        wait_for("checkpoints of all", lambda: WORKERS in whole(collector, "checkpoint"))
        wait_for(
            "metrics of all",
            lambda: all(
                collector.last("wallarood_checkpoints", each, outcome="committed")
                for each in WORKERS
            ),
        )
        assert collector.headers[0]["authorization"] == "Bearer s3cret"
        before = len(collector.named("recovery"))
        workers[2].send(signal.SIGKILL)
        workers[2].wait()
        again = hosts.start(
            "gamma",
            f"{tmp_path / 'traced.py'}:app",
            "--config",
            str(tmp_path / "otel.toml"),
            "--cluster-id",
            "auto",
            count=3,
        )
        wait_for("it is back", lambda: again.phase() == "running")
        wait_for("the recovery is told", lambda: len(collector.named("recovery")) > before)
        wait_for("by all", lambda: WORKERS in whole(collector, "recovery")[before:])
        wait_for(
            "with all phases and why", lambda: any(map(is_whole, recoveries(collector)[before:]))
        )


def test_a_collector_that_hangs_or_is_away_changes_nothing_but_a_line_in_the_log(
    tmp_path: Path,
) -> None:
    with collector_over_http() as collector, hosts_in(tmp_path) as hosts:
        collector.manner = Manner.HANGS
        workers = started(tmp_path, hosts, collector)
        wait_for("it is asked", lambda: collector.asked >= 3)
        alpha = workers[0]
        status = alpha.told()
        committed = status.checkpoint.committed
        wait_for("checkpoints go on", lambda: committed_of(alpha) > committed + 5)
        wait_for("no loop is held up", lambda: max(map(delay_of, workers)) < 0.5)
        began = time.monotonic()
        for worker in workers:
            worker.send(signal.SIGTERM)
        assert [each.wait() for each in workers] == [0, 0, 0]
        assert in_time(began, 8)
        assert "Traceback" not in "".join(each.said for each in workers)


def committed_of(worker: WorkerProcess) -> int:
    status = worker.status()
    return status.checkpoint.committed if status is not None else 0


def delay_of(worker: WorkerProcess) -> float:
    status = worker.told()
    return status.host.loop_delay_s


def test_a_worker_that_sends_nothing_imports_nothing_of_the_sdk(tmp_path: Path) -> None:
    with hosts_in(tmp_path) as hosts:
        (tmp_path / "traced.py").write_text(APPLICATION)
        hosts.environment["PYTHONPROFILEIMPORTTIME"] = "1"
        hosts.executes = True
        worker = hosts.start("alpha", f"{tmp_path / 'traced.py'}:app")
        wait_for("it runs", lambda: worker.phase() == "running")
        wait_for("a checkpoint", lambda: committed_of(worker) > 1)
        imported = [line for line in worker.lines if line.startswith("import time:")]
        assert any("wallarood.runtime.worker" in line for line in imported)
        wrong = ("opentelemetry", "wallarood.telemetry", "grpc", "google.protobuf")
        assert [line for line in imported if any(each in line for each in wrong)] == []
