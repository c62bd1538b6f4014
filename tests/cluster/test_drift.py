"""A partition that is far ahead waits for the slowest one, which another worker reads."""

from pathlib import Path

from support.harness import Hosts, ended_well, hosts_in, wait_for

SECOND, DRIFT_S, COUNT = 1_000_000, 10, 300

APPLICATION = f"""
from pathlib import Path

import attrs
import trio

import wallarood as w

@attrs.frozen
class Paced:
    # A record for each second; the slow partition has those that were released.
    scope: w.Scope = w.Scope.SHARED
    record: type = int
    bounded: bool = True

    def partitions(self):
        return "fast", "slow"

    def size_bytes(self, partition):
        return None

    async def open(self, partition, position, context):
        return Reader(partition, position or 0)

@attrs.define
class Reader:
    partition: str
    position: int

    async def read(self):
        if self.position == {COUNT}:
            return None
        while self.partition == "slow" and self.position >= int(Path("released").read_text()):
            await trio.sleep(0.02)
        self.position += 1
        return w.SourceBatch([self.position], self.position)

    async def committed(self, position):
        pass

    async def aclose(self):
        pass

time = w.event_time(lambda second: second, unit="s", out_of_order="0s", drift="{DRIFT_S}s")
seconds = w.source("seconds", Paced(), time=time)
app = w.application("drift", seconds.to_sink(w.FileSink("drift-out")))
"""


def watermarks(hosts: Hosts) -> dict[tuple[str, str], int]:
    """How far each partition has come, in seconds, by worker and partition."""
    statuses = [each.status() for each in hosts.workers]
    return {
        (status.worker, each.partition): (each.watermark or 0) // SECOND
        for status in statuses
        if status is not None
        for each in status.sources
    }


def test_the_slowest_partition_may_be_on_another_worker(tmp_path: Path) -> None:
    file = tmp_path / "drift.py"
    file.write_text(APPLICATION)
    release(tmp_path, 5)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, str(file))
        for released in (5, 50, 120):
            release(tmp_path, released)
            # It reads while it is no further ahead than that: one record more.
            limit = released + DRIFT_S + 1
            wait_for(f"the fast one is at {limit}", lambda limit=limit: reached(hosts, limit))
        assert len({worker for worker, _ in watermarks(hosts)}) == 2
        release(tmp_path, COUNT)
        wait_for("all is read", lambda: {each.phase() for each in workers} == {"completed"})
        for worker in workers:
            worker.process.terminate()
        ended_well(workers)
    found = [
        int(line)
        for part in (tmp_path / "drift-out").glob("[!.]*")
        for line in part.read_text().splitlines()
    ]
    assert sorted(found) == sorted(2 * list(range(1, COUNT + 1)))


def release(directory: Path, seconds: int) -> None:
    """Let the slow partition read so far."""
    new = directory / "released.new"
    new.write_text(str(seconds))
    new.replace(directory / "released")


def reached(hosts: Hosts, limit: int) -> bool:
    """Whether the fast partition is at *limit*; fails if it is beyond."""
    fast = max((at for (_, each), at in watermarks(hosts).items() if each == "fast"), default=0)
    assert fast <= limit, f"{fast} s is beyond {limit} s"
    return fast == limit
