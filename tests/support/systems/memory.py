"""What a worker keeps in memory while a server that is written to is stopped, however long."""

import time
from pathlib import Path

from support.harness import WorkerProcess, hosts_in, wait_for
from support.systems.killing import resident_bytes
from support.systems.system import System, come_back, end, leave

APPLICATION = """
import wallarood as w

def pair(number: int) -> tuple[str, int]:
    return f"w{{number % 1000}}-" + "x" * 200, number

app = w.application(
    "stopped",
    w.source("in", w.GeneratorSource(pair, rate=20_000)).to_sink({sink}, name="out"),
)
"""
SPOOL_BYTES_MAX = 20_000_000
RESIDENT_BYTES_MAX = 250 << 20
LOOKS_S = 1.0
"""How long it is seen not to read, at least."""


def server_stopped(system: System, directory: Path, *, stopped_s: float) -> str:
    """Write as fast as may be while the server is away; memory and disk are bounded."""
    system.begin()
    file = directory / "stopped.py"
    file.write_text(APPLICATION.format(sink=system.sink(f"spool_bytes_max={SPOOL_BYTES_MAX}")))
    largest = 0
    with hosts_in(directory) as hosts:
        (worker,) = hosts.start_cluster(1, str(file))
        wait_for("something is written", system.counts)
        leave(system)
        began = time.monotonic()
        wait_for("sources pause", lambda: "too much output waits" in phase_of(worker), wait_s=120)
        paused_s = time.monotonic() - began
        last = committed_by(worker)
        wait_for("what was being read is committed", lambda: committed_by(worker) > last + 1)
        read = records_of(worker)
        until = max(began + stopped_s, time.monotonic() + LOOKS_S)

        def over() -> bool:
            nonlocal largest
            largest = max(largest, resident_bytes(worker))
            return time.monotonic() >= until

        wait_for("it was stopped for long enough", over, wait_s=stopped_s + 1)
        assert records_of(worker) == read, "it reads though too much waits"
        (spool,) = worker.state.glob("*/sinks/out-0")
        waiting = sum(each.stat().st_size for each in spool.iterdir())
        come_back(system)
        wait_for("it reads on", lambda: records_of(worker) > read, wait_s=120)
    end(system)
    assert SPOOL_BYTES_MAX <= waiting < 3 * SPOOL_BYTES_MAX, waiting
    assert largest < RESIDENT_BYTES_MAX, f"{largest >> 20} MiB"
    return (
        f"stopped for {stopped_s:.0f} s, of which sources paused after {paused_s:.0f} s: at most "
        f"{largest >> 20} MiB resident, {waiting / 1e6:.0f} MB in the spool"
    )


def phase_of(worker: WorkerProcess) -> str:
    """What it does, in words."""
    status = worker.status()
    return status.phase if status is not None else ""


def committed_by(worker: WorkerProcess) -> int:
    """The last checkpoint that it knows committed."""
    return worker.told().checkpoint.committed


def records_of(worker: WorkerProcess) -> int:
    """How many records it has read."""
    return sum(each.records for each in worker.told().sources)
