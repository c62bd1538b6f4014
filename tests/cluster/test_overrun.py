"""User code that holds the event loop is named; user code that is only much is cut into slices."""

from pathlib import Path

from support.harness import WorkerProcess, hosts_in, wait_for

HOLDING = """
import time
from pathlib import Path
import wallarood as w

def hold(number: int) -> int:
    if number == 20 and not Path("held").exists():  # who was missed meanwhile reads it again
        Path("held").touch()
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            pass
    return number

app = w.application(
    "holding",
    w.source("n", w.GeneratorSource(rate=100)).map(hold).to_sink(w.FileSink("holding-out")),
)
"""

BUSY = """
import time
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def work(number: int, state: Seen) -> int:
    until = time.monotonic() + 0.012
    while time.monotonic() < until:
        pass
    return number

app = w.application(
    "busy",
    w.source("n", w.GeneratorSource())
    .key_by(lambda number: number % 97)
    .to(work)
    .to_sink(w.FileSink("busy-out")),
)
"""


def test_full_load_keeps_nobody_from_heartbeats_and_questions(tmp_path: Path) -> None:
    """A batch of 1,024 takes twelve seconds of work, and a peer is given up after four."""
    file = tmp_path / "busy.py"
    file.write_text(BUSY)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(file))
        wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
        wait_for("batches are done", lambda: min(map(worked, workers)) > 600)
        for worker in workers:
            assert "missed by" not in worker.said
            assert "sources pause" not in worker.said
            assert "user code blocked the event loop" not in worker.said
            status = worker.told()
            assert [each.state for each in status.workers if each.name != worker.name] == [
                "connected"
            ]


def worked(worker: WorkerProcess) -> int:
    """How many records the worker has had at the computation."""
    status = worker.status()
    return sum(each.records_in for each in status.stages if "work" in each.name) if status else 0


def test_a_computation_that_holds_the_loop_for_longer_than_the_liveness_deadline(
    tmp_path: Path,
) -> None:
    file = tmp_path / "holding.py"
    file.write_text(HOLDING)
    with hosts_in(tmp_path, liveness="1500ms") as hosts:
        workers = hosts.start_cluster(2, str(file))
        alpha = workers[0]
        wait_for("it is named", lambda: "user code blocked the event loop" in alpha.said)
        alpha.says("n → hold")
        status = alpha.told()
        assert [each.overruns for each in status.stages if each.kind == "source"] == [1]
        wait_for("it runs on", lambda: all(each.phase() == "running" for each in workers))
