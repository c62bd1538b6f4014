"""A disk is lost: an empty one takes its place under the same name, from the copies."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import end_of, wallarood
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.rests import counted, counting

CONFIGURATION = "checkpoint.replicas = 1\n"
REFUSED = 76


class Replacing:
    """Some workers that have taken some checkpoints, and have copies of each other."""

    def __init__(self, hosts: Hosts, count: int = 3) -> None:
        self.hosts, self.names = hosts, NAMES[:count]
        self.application = str(hosts.directory / "counts.py")
        Path(self.application).write_text(counting("counts", "rate=2000"))
        (hosts.directory / "replicas.toml").write_text(CONFIGURATION)
        self.workers = {name: self.start(name) for name in self.names}
        self.until("it runs", 1)
        wait_for("checkpoints", lambda: self.committed("alpha") >= 4, wait_s=60)

    def start(self, name: str, *flags: str, state: Path | None = None) -> WorkerProcess:
        config = str(self.hosts.directory / "replicas.toml")
        first = name == "alpha" and not flags
        return self.hosts.start(
            name,
            self.application,
            *("--config", config, "--cluster-id", "auto", *flags),
            count=len(self.names),
            initializer=first,
            state=state,
        )

    def committed(self, name: str) -> int:
        status = self.workers[name].status()
        return status.checkpoint.committed if status is not None else 0

    def until(self, what: str, epoch: int) -> None:
        """Wait until all run in this epoch."""

        def so() -> bool:
            seen = [worker.status() for worker in self.workers.values()]
            found = {(each.epoch, each.job.value) for each in seen if each is not None}
            return None not in seen and found == {(epoch, "running")}

        try:
            wait_for(what, so, wait_s=60)
        except AssertionError as error:
            said = "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())
            raise AssertionError(f"{error}\n{said}") from error

    def ctl(self, name: str, *arguments: str) -> "subprocess.Popen[str]":
        """An operator's command on worker *name*."""
        command = [sys.executable, "-m", "wallarood.cli.ctl", *arguments]
        socket = ("--socket", str(self.workers[name].state / "admin.sock"))
        return subprocess.Popen(
            [*command, *socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def refused(self, name: str, *arguments: str) -> str:
        """What is said of a command that is not obeyed."""
        asking = self.ctl(name, *arguments)
        _, said = end_of(asking)
        assert asking.returncode != 0
        return said

    def goes_on(self, name: str) -> None:
        """Checkpoints are committed."""
        before = self.committed(name)
        wait_for("checkpoints go on", lambda: self.committed(name) > before + 2)

    def end(self, asked: str) -> None:
        """End the cluster; each key was counted on, and nothing twice."""
        asking = self.ctl(asked, "shutdown")
        assert end_of(asking)[1] == ""
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said
        found = counted(self.hosts.directory)
        assert len(found) == 97
        highest = max(max(counts) for counts in found.values())
        for counts in found.values():
            assert len(set(counts)) == len(counts), "a count came twice"
            assert counts[-1] >= highest - 1, "state was lost"


def put_back(worker: WorkerProcess) -> None:
    """The state directory is a copy of what it was."""
    copy = worker.state.with_name(f"copy-{worker.name}")
    shutil.copytree(worker.state, copy, ignore=shutil.ignore_patterns("*.sock"))
    worker.state.rename(worker.state.with_name(f"gone-{worker.name}"))
    copy.rename(worker.state)


@pytest.fixture
def replacing(tmp_path: Path) -> Iterator[Replacing]:
    with hosts_in(tmp_path) as hosts:
        yield Replacing(hosts)


def test_an_empty_directory_takes_the_place_of_a_lost_one(replacing: Replacing) -> None:
    gone = replacing.workers.pop("gamma")
    assert "gamma is connected: stop it" in replacing.refused(
        "alpha", "replace", "gamma", "--lose-output"
    )
    gone.process.kill()
    gone.wait()
    old = gone.state.rename(gone.state.with_name("old"))
    replacing.workers["alpha"]
    left = replacing.workers.values()
    wait_for("all miss it", lambda: all(each.misses("gamma") for each in left))

    # Nobody has said that another may take its place.
    stranger = replacing.start("gamma", "--join")
    assert stranger.wait() == REFUSED
    assert "have it take the place of the lost one with wallarooctl replace gamma" in stranger.said

    assert "--lose-output" in replacing.refused("alpha", "replace", "gamma")
    asking = replacing.ctl("alpha", "replace", "gamma", "--lose-output")
    assert asking.stderr is not None
    assert "start it with an empty state directory" in asking.stderr.readline()
    replacing.workers["gamma"] = replacing.start("gamma", "--join")
    replacing.until("gamma is in again", 2)
    _, left = end_of(asking)
    assert asking.returncode == 0, left
    replacing.goes_on("gamma")

    # The one that was replaced is another member, by its seat.
    back = replacing.start("gamma", state=old)
    assert back.wait() == REFUSED
    assert "gamma was replaced at epoch 2" in back.said
    replacing.goes_on("alpha")
    replacing.end("alpha")


def declare(worker: WorkerProcess) -> None:
    """As of the snapshot of a virtual machine, which nothing shows."""
    done = wallarood("state", "restored", "--state-directory", str(worker.state))
    assert done.returncode == 0, done.stderr
    assert "has no vote until it is replaced" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("restore", [put_back, declare])
def test_a_directory_that_was_put_back_has_no_vote_until_it_is_replaced(
    replacing: Replacing, restore: Callable[[WorkerProcess], None]
) -> None:
    gamma = replacing.workers.pop("gamma")
    gamma.process.kill()
    gamma.wait()
    restore(gamma)
    replacing.workers["gamma"] = gamma = replacing.start("gamma")
    replacing.until("it takes part in rounds", 1)
    gamma.says("this state directory was restored: no vote")
    seen = {name: worker.status() for name, worker in replacing.workers.items()}
    assert [name for name, each in seen.items() if each and each.restored] == ["gamma"]
    shown = wallarood("state", "show", "--state-directory", str(gamma.state)).stdout
    assert "has no vote until it is replaced" in shown
    said = replacing.refused("alpha", "shrink", "beta")
    assert "the state directory of gamma was restored from a copy, so gamma has no vote" in said
    replacing.until("nothing has changed", 1)

    gamma.process.kill()
    gamma.wait()
    shutil.rmtree(gamma.state)
    asking = replacing.ctl("beta", "replace", "gamma", "--lose-output")
    assert asking.stderr is not None
    asking.stderr.readline()
    replacing.workers["gamma"] = replacing.start("gamma", "--join")
    replacing.until("gamma is in again", 2)
    _, left = end_of(asking)
    assert asking.returncode == 0, left
    done = replacing.ctl("alpha", "shrink", "beta")
    end_of(done)
    assert done.returncode == 0
    assert replacing.workers.pop("beta").wait() == 0
    replacing.until("it can change again", 3)
    replacing.end("alpha")


@pytest.mark.long
def test_copies_that_are_put_back_on_all_workers_have_votes_again(replacing: Replacing) -> None:
    """The procedure for a cluster without replicas: nobody has forgotten less than another."""
    for worker in replacing.workers.values():
        worker.process.kill()
        worker.wait()
        put_back(worker)
    replacing.workers = {name: replacing.start(name) for name in replacing.names}
    replacing.until("it runs", 1)
    for worker in replacing.workers.values():
        worker.says("this state directory was restored: no vote")
    done = replacing.ctl("alpha", "shrink", "beta")
    _, said = end_of(done)
    assert done.returncode == 0, said
    assert replacing.workers.pop("beta").wait() == 0
    replacing.until("it can change", 2)
    replacing.end("alpha")
