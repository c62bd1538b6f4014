"""A partition that is far ahead waits for the slowest one, which another worker reads."""

from pathlib import Path

from support.harness import Hosts, ended_well, hosts_in, wait_for

SECOND, DRIFT_S, COUNT, FIRST = 1_000_000, 10, 300, 5
QUEUED = 5
"""What waits for the stage that tells time has been read, too: so many records, each a batch."""

APPLICATION = f"""
from pathlib import Path

import attrs
import trio

import wallarood as w

@attrs.frozen
class Paced:
    # A record for each second; a partition has those that were released of it.
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
        while self.position >= int(Path(self.partition).read_text()):
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
    return {
        (status.worker, each.partition): (each.watermark or 0) // SECOND
        for status in [each.told() for each in hosts.workers]
        for each in status.sources
    }


class Heard:
    """How often the first worker has heard from the second since this was made, or more often.

    The second says where it stands in what it says unasked, and there is no other reason to talk.
    """

    def __init__(self, hosts: Hosts) -> None:
        self.worker, self.before, self.times = hosts.workers[0], 0.0, 0

    def look(self) -> int:
        (silent_s,) = [
            each.heard_s or 0.0 for each in self.worker.told().workers if each.name == "beta"
        ]
        self.times += silent_s < self.before
        self.before = silent_s
        return self.times


def test_the_slowest_partition_may_be_on_another_worker(tmp_path: Path) -> None:
    file = tmp_path / "drift.py"
    file.write_text(APPLICATION)
    for partition in ("slow", "fast"):
        release(tmp_path, partition, FIRST)
    with hosts_in(tmp_path, interval="1h") as hosts:
        workers = hosts.start_cluster(2, str(file))
        # One that has shown no record holds up none. When this has, the other must hear of it.
        wait_for("both have begun", lambda: set(watermarks(hosts).values()) == {FIRST})
        assert set(watermarks(hosts)) == {("alpha", "fast"), ("beta", "slow")}
        heard = Heard(hosts)
        wait_for("it is heard where the slow one stands", lambda: heard.look() >= 3)
        release(tmp_path, "fast", COUNT)
        for released in (FIRST, 50, 120):
            release(tmp_path, "slow", released)
            # It reads while it is no further ahead than that: one record more.
            limit = released + DRIFT_S + 1
            wait_for(f"the fast one is at {limit}", lambda limit=limit: reached(hosts, limit))
        release(tmp_path, "slow", COUNT)
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


def release(directory: Path, partition: str, seconds: int) -> None:
    """Let a partition read so far."""
    new = directory / "released.new"
    new.write_text(str(seconds))
    new.replace(directory / partition)


def reached(hosts: Hosts, limit: int) -> bool:
    """Whether the fast partition is at *limit*; fails if it is further than what was queued."""
    fast = max((at for (_, each), at in watermarks(hosts).items() if each == "fast"), default=0)
    assert fast <= limit + QUEUED, f"{fast} s is beyond {limit} s"
    return fast >= limit
