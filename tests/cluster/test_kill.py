"""Workers are killed at any moment: every result comes out exactly once."""

from pathlib import Path

from cluster_harness import NAMES, Hosts, WorkerProcess, ended_well, hosts_in, wait_for
from cluster_oracle import check_slow_count


class Killer:
    """Kills workers of a cluster and starts them again, as the packaged unit would."""

    def __init__(self, hosts: Hosts, application: str, count: int, *flags: str) -> None:
        self.hosts, self.application, self.count = hosts, application, count
        self.flags = ("--cluster-id", "auto", "--exit-on-completion", *flags)
        self.workers = {name: self.start(name) for name in NAMES[:count]}
        self.kills = 0

    def start(self, name: str) -> WorkerProcess:
        return self.hosts.start(
            name, self.application, *self.flags, count=self.count, initializer=name == "alpha"
        )

    def kill(self, *names: str) -> None:
        for name in names:
            self.workers[name].process.kill()
        for name in names:
            self.workers[name].wait()
            self.workers[name] = self.start(name)
            self.kills += 1

    @property
    def ended(self) -> bool:
        return any(each.process.poll() is not None for each in self.workers.values())

    def until_running(self) -> bool:
        """Wait until records flow everywhere; False if the job has ended meanwhile."""
        wait_for(
            "running everywhere",
            lambda: self.ended or all(w.phase() == "running" for w in self.workers.values()),
        )
        return not self.ended


def test_one_worker_is_killed_and_comes_back(tmp_path: Path, slow_count: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        for name in ("beta", "alpha", "gamma"):
            assert cluster.until_running()
            cluster.kill(name)
        ended_well(list(cluster.workers.values()))
    check_slow_count(tmp_path)
