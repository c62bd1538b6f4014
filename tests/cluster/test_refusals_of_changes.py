"""Changes that cannot be: each is refused with what was found and what to do, and nothing changes.

Others are beside what they refuse: test_growing.py (a worker too many, another application, the
last worker, a member away), test_evicting.py (no majority), test_replacing.py (copies, old seats).
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from support.command import end_of
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.rests import counting

from wallarood.model.errors import PeersGoneError, RefusedError

WORKERS = NAMES[:3]
CTL = (sys.executable, "-m", "wallarood.cli.ctl")


@attrs.define(eq=False)
class Refusing:
    """Three workers without replicas."""

    hosts: Hosts
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)

    def __getitem__(self, name: str) -> WorkerProcess:
        return self.workers[name]

    def start(self, name: str) -> None:
        directory = self.hosts.directory
        flags = ("--cluster-id", "auto", "--config", str(directory / "own.toml"))
        self.workers[name] = self.hosts.start(
            name,
            str(directory / "counts.py"),
            *flags,
            count=len(WORKERS),
            initializer=name == "alpha",
        )

    def goes_on(self) -> None:
        """All run in the first epoch, and checkpoints are committed."""

        def so() -> bool:
            told = [worker.status() for worker in self.workers.values()]
            return {(each.epoch, each.job.value) for each in told if each} == {(1, "running")}

        wait_for("all run", so, wait_s=60)
        before = self["alpha"].told().checkpoint.committed
        wait_for("checkpoints", lambda: self["alpha"].told().checkpoint.committed > before + 1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    directory: Path = tmp_path_factory.mktemp("refusals")
    (directory / "counts.py").write_text(counting("counts", "rate=1000"))
    (directory / "own.toml").write_text(
        'checkpoint.replicas = 0\ntiming.liveness-deadline = "30s"\n'
    )
    with hosts_in(directory) as hosts:
        made = Refusing(hosts)
        for name in WORKERS:
            made.start(name)
        made.goes_on()
        yield made


IMPOSSIBLE = {
    "evict alpha --lose-output": "alpha is connected: use wallarooctl shrink",
    "evict alpha --lose-output --certified-dead": "alpha is connected: use wallarooctl shrink",
    "replace alpha --lose-output": "alpha is connected: stop it, and put its state directory aside",
    "shrink --to 0": "found --to 0: the cluster has 3 workers, expected a number from 1 to 2",
    "shrink --to 3": "found --to 3: the cluster has 3 workers, expected a number from 1 to 2",
    "shrink alpha beta gamma": "to end the cluster, use wallarooctl shutdown",
    "evict alpha beta gamma --lose-output": "is connected: use wallarooctl shrink",
    "shrink delta": "delta is not a member of the cluster; its members are alpha, beta, gamma",
    "upgrade --cancel": "the cluster waits for no new version: there is nothing to cancel",
}


@pytest.mark.parametrize("order", IMPOSSIBLE)
def test_what_is_asked_of_workers_that_are_there(cluster: Refusing, order: str) -> None:
    done = cluster["alpha"].ctl(*order.split())
    assert IMPOSSIBLE[order] in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode in (PeersGoneError.exit_code, RefusedError.exit_code)
    cluster.goes_on()


def test_a_lost_worker_of_whose_part_there_is_no_copy(cluster: Refusing) -> None:
    """What it had is on its disk only: the others wait for that, and go on with it."""
    alpha, gamma = cluster["alpha"], cluster["gamma"]
    gamma.process.kill()
    gamma.wait()
    wait_for("it is missed", lambda: "gamma" in missing(alpha))
    done = alpha.ctl("evict", "gamma", "--lose-output")
    assert "no checkpoint that all members that stay hold with a copy of the part of gamma" in (
        done.stderr
    )
    assert done.returncode == RefusedError.exit_code
    done = alpha.ctl("replace", "gamma", "--timeout", "5", "--lose-output")
    assert done.returncode != 0
    cluster.start("gamma")
    cluster.goes_on()


def missing(worker: WorkerProcess) -> set[str]:
    return {each.name for each in worker.told().workers if each.state == "away"}


@pytest.mark.long
def test_a_change_while_another_is_made(cluster: Refusing) -> None:
    """It waits for a worker that stands still, and is done when that goes on."""
    alpha, gamma = cluster["alpha"], cluster["gamma"]
    gamma.send(signal.SIGSTOP)
    try:
        asking = subprocess.Popen(
            [*CTL, "shrink", "beta", "--socket", str(alpha.state / "admin.sock")],
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for("it waits", lambda: "change to epoch 2" in " ".join(alpha.told().waiting_for))
        done = alpha.ctl("shrink", "gamma")
        assert "another change is in progress: change to epoch 2: " in done.stderr
        assert "waiting for" in done.stderr
        assert done.returncode == RefusedError.exit_code
    finally:
        gamma.send(signal.SIGCONT)
    _, said = end_of(asking)
    assert asking.returncode == 0, said
    assert cluster.workers.pop("beta").wait() == 0
    wait_for("they run", lambda: alpha.told().epoch == 2 and alpha.phase() == "running")
