"""Memory under backpressure: a sink a hundred times slower than the source, for ten minutes.

    python tests/bench/memory.py [--minutes 10] [--workers 3]

Prints the resident memory of every worker each half minute, and at the end by how much it has grown
after the first minute; ends 1 if that is more than 64 MiB for any worker.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.harness import WorkerProcess, hosts_in, wait_for

GROWTH_MAX = 64 << 20
APPLICATION = '''
import trio
import wallarood as w


class Seen:
    count = 0


@w.state_computation(state=Seen)
def seen(record: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return record, state.count


class SlowSink:
    """Takes 1,000 records a second on each worker."""

    state = None

    async def open(self, context: w.SinkContext, state: object) -> "SlowSink":
        return self

    async def write(self, records: list) -> None:
        await trio.sleep(len(records) / 1000)

    async def prepare(self) -> None:
        return None

    async def commit(self, prepared: object) -> None:
        return None

    async def aclose(self) -> None:
        return None


app = w.application(
    "memory",
    w.source("numbers", w.GeneratorSource(lambda i: f"{i:0200d}", partitions=3))
    .key_by(lambda record: record[-4:], name="by-end")
    .to(seen)
    .to_sink(SlowSink()),
)
'''


def resident_bytes(worker: WorkerProcess) -> int:
    """The resident memory of a worker's process."""
    pages = Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=3)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "memory_app.py").write_text(APPLICATION)
        hosts = stack.enter_context(hosts_in(directory))
        workers = hosts.start_cluster(chosen.workers, str(directory / "memory_app.py"))
        wait_for("running", lambda: all(each.phase() == "running" for each in workers))
        return watch(workers, chosen.minutes * 60)


def watch(workers: list[WorkerProcess], seconds: float) -> int:
    """Sample the memory of *workers* for so long; the exit code."""
    began = time.monotonic()
    settled: list[int] = []
    highest = [0] * len(workers)
    shown = -30.0
    while (passed := time.monotonic() - began) < seconds:
        now = [resident_bytes(worker) for worker in workers]
        if passed >= 60 and not settled:
            settled, highest = now, list(now)
        highest = [max(pair) for pair in zip(highest, now, strict=True)]
        if passed - shown >= 30:
            shown = passed
            sizes = "  ".join(f"{size / 2**20:6.1f}" for size in now)
            print(f"{passed:5.0f} s  resident MiB  {sizes}", flush=True)
        time.sleep(1)
    growth = [high - first for high, first in zip(highest, settled, strict=True)]
    for worker, grown in zip(workers, growth, strict=True):
        status = worker.status()
        records = sum(each.records for each in status.sources) if status else 0
        taken = sum(s.records_in for s in status.stages if s.kind == "sink") if status else 0
        print(
            f"{worker.name}: grown {grown / 2**20:.1f} MiB after the first minute; "
            f"read {records:,}, written {taken:,}"
        )
    return int(max(growth) > GROWTH_MAX)


if __name__ == "__main__":
    sys.exit(main())
