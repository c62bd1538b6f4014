"""A cluster that heals by itself: who is lost for long is evicted, and joins again when it is back.

All workers have the same configuration from the first start on: `cluster.evict-after`, with
`checkpoint.replicas`, and `worker.join`.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.rests import counted, counting

CONFIGURATION = """
worker.join = true
checkpoint.replicas = 1
cluster.evict-after = "4s"
"""


class Healing:
    """Three workers that have taken some checkpoints."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.application = str(hosts.directory / "counts.py")
        Path(self.application).write_text(counting("counts", "rate=2000"))
        (hosts.directory / "healing.toml").write_text(CONFIGURATION)
        self.workers: dict[str, WorkerProcess] = {}
        for name in NAMES[:3]:
            self.start(name)
        self.until("it runs", 1, NAMES[:3])
        wait_for("checkpoints", lambda: self.committed("alpha") >= 4, wait_s=60)

    def start(self, name: str) -> None:
        config = str(self.hosts.directory / "healing.toml")
        flags = ("--config", config, "--cluster-id", "auto")
        first = name == "alpha"
        self.workers[name] = self.hosts.start(
            name, self.application, *flags, count=3, initializer=first
        )

    def committed(self, name: str) -> int:
        status = self.workers[name].status()
        return status.checkpoint.committed if status is not None else 0

    def view(self, name: str) -> tuple[int, str, set[str]]:
        """The epoch of a worker, what it does, and whom it takes for a member."""
        status = self.workers[name].status()
        if status is None:
            return 0, "", set()
        return status.epoch, status.job.value, {each.name for each in status.workers}

    def until(self, what: str, epoch: int, names: tuple[str, ...]) -> None:
        """Wait until these are the members, and all of them run."""
        expected = (epoch, "running", set(names))
        try:
            wait_for(what, lambda: all(self.view(n) == expected for n in names), wait_s=60)
        except AssertionError as error:
            said = "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())
            raise AssertionError(f"{error}\n{said}") from error

    def goes_on(self, name: str) -> None:
        """Checkpoints are committed."""
        before = self.committed(name)
        wait_for("checkpoints go on", lambda: self.committed(name) > before + 2)

    def end(self, asked: str) -> dict[int, list[int]]:
        """End the cluster; what it has counted."""
        done = self.workers[asked].ctl("shutdown")
        assert done.returncode == 0, done.stderr
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said
        found = counted(self.hosts.directory)
        assert len(found) == 97
        highest = max(max(counts) for counts in found.values())
        for counts in found.values():
            assert len(set(counts)) == len(counts), "a count came twice"
            assert counts[-1] >= highest - 1, "state was lost"
        return found


@pytest.fixture
def healing(tmp_path: Path) -> Iterator[Healing]:
    with hosts_in(tmp_path, liveness="1500ms") as hosts:
        yield Healing(hosts)


def test_a_burnt_host_is_evicted_and_an_empty_one_takes_its_place(healing: Healing) -> None:
    gone = healing.workers.pop("gamma")
    gone.process.kill()
    gone.wait()
    shutil.rmtree(gone.state)
    healing.until("gamma is evicted", 2, ("alpha", "beta"))
    healing.workers["alpha"].says("evicting gamma: not heard by any other worker for 4 s")
    healing.goes_on("alpha")
    healing.start("delta")
    healing.until("delta is in", 3, ("alpha", "beta", "delta"))
    healing.goes_on("delta")
    healing.end("beta")


@pytest.mark.long
def test_an_evicted_leader_that_lives_joins_again_as_the_last(healing: Healing) -> None:
    """It was held up for longer than the others wait, and does not know; its disk is whole."""
    leader = healing.workers["alpha"]
    leader.send(signal.SIGSTOP)
    healing.until("alpha is evicted", 2, ("beta", "gamma"))
    leader.send(signal.SIGCONT)
    healing.until("alpha is in again", 3, ("beta", "gamma", "alpha"))
    leader.says("alpha was evicted at epoch 2")
    assert [each.name.partition("-")[0] for each in (leader.state / "archive").iterdir()]
    healing.goes_on("alpha")
    wait_for("it is not ended by its former life", lambda: leader.told().life_s > 6)
    healing.end("alpha")


@pytest.mark.long
def test_a_worker_that_stops_in_order_is_waited_for(healing: Healing) -> None:
    gone = healing.workers.pop("gamma")
    gone.send(signal.SIGTERM)
    assert gone.wait() == 0
    with pytest.raises(AssertionError, match="not within"):
        wait_for("an eviction", lambda: healing.view("alpha")[0] != 1, wait_s=8)
    healing.start("gamma")
    healing.until("gamma is back", 1, NAMES[:3])
    healing.end("alpha")
