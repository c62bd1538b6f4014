"""A cluster that gets workers and loses them under load: nothing is lost or counted twice."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.growing import Growing
from support.harness import WorkerProcess, wait_for
from support.rests import RESTS, check_counted, counting

from wallarood.admin import client
from wallarood.model.errors import WallaroodError


def test_from_one_to_three_workers_and_back(growing: Growing, tmp_path: Path) -> None:
    growing.until("it runs", 1, "running")
    planned = growing.ctl("alpha", "grow", "--dry-run", "beta").stdout
    assert "joining: beta; staying: alpha\n128 of 256 slots would move" in planned
    with asked_all_the_time(growing.workers["alpha"]) as unanswered:
        growing.grow("beta", 2)
        growing.grow("gamma", 3)
        growing.shrink("beta", 4)
        growing.shrink("gamma", 5)
    assert not unanswered, "a worker that goes on in the next epoch answers all the time"
    growing.end()
    check_counted(tmp_path)


@contextmanager
def asked_all_the_time(worker: WorkerProcess) -> Iterator[list[str]]:
    """Ask *worker* for its status again and again; what was said instead of an answer."""
    unanswered: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            try:
                client.status(worker.state / "admin.sock", timeout_s=100.0)
            except WallaroodError as error:
                unanswered.append(error.message)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield unanswered
    finally:
        over.set()
        asking.join()


def test_whoever_is_killed_while_the_cluster_changes_nothing_is_lost(
    growing: Growing, tmp_path: Path
) -> None:
    rng = random.Random(1)
    growing.until("it runs", 1, "running")
    for epoch, change in enumerate(("+beta", "+gamma", "-beta", "-gamma"), start=2):
        asking = growing.begin(change)
        for _ in range(rng.randrange(1, 3)):
            growing.kill_at_a_moment(rng, rng.choice(list(growing.workers)))
        growing.settle(epoch, asking)
    growing.end()
    check_counted(tmp_path)


@pytest.mark.long
def test_the_initializer_leaves_and_what_cannot_be_is_refused(
    growing: Growing, tmp_path: Path
) -> None:
    growing.until("it runs", 1, "running")
    last = growing.ctl("alpha", "shrink", "alpha")
    assert last.returncode == 69
    assert "one worker must stay: to end the cluster, use wallarooctl shutdown" in last.stderr
    # One that is not told to join is a worker too many, as ever.
    surplus = growing.hosts.start("beta", growing.application, count=2)
    assert surplus.wait() == 76, surplus.said
    other = tmp_path / "other.py"
    changed = counting("slow_count", "rate=2000").replace("by-rest", "by-other-rest")
    other.write_text(changed.replace(f"% {RESTS}", "% 96"))
    stranger = growing.hosts.start("gamma", str(other), "--join")
    assert stranger.wait() == 76
    assert "another application: gamma runs 'slow_count'; they differ in:" in stranger.said
    growing.grow("beta", 2)
    status = growing.workers["alpha"].status()
    assert status is not None
    assert status.uptime_s > status.life_s > 0  # the process is the one that it was
    twin = growing.hosts.start(
        "beta", growing.application, "--join", state=tmp_path / "state" / "twin"
    )
    assert twin.wait() == 76
    assert "beta is a member of" in twin.said
    planned = growing.ctl("alpha", "shrink", "--dry-run", "--to", "1")
    assert planned.returncode == 0
    assert "leaving: beta; staying: alpha" in planned.stdout
    assert "128 of 256 slots would move" in planned.stdout
    growing.workers["beta"].process.kill()
    growing.workers["beta"].wait()
    wait_for(
        "alpha misses beta",
        lambda: "must be connected; missing: beta" in growing.ctl("alpha", "shrink", "beta").stderr,
    )
    growing.start("beta")
    growing.until("beta is back", 2, "running")
    done = growing.ctl("beta", "shrink", "alpha")
    assert done.returncode == 0, done.stderr
    gone = growing.workers.pop("alpha")
    assert gone.wait() == 0
    assert "alpha has left the cluster at epoch 3" in gone.said
    # As an initializer it would form another cluster, which reads and writes the same.
    again = growing.hosts.start("alpha", growing.application, initializer=True)
    assert again.wait() == 76
    assert "alpha has left the cluster at epoch 3, and the others go on without it" in again.said
    growing.until("beta is alone", 3, "running")
    assert growing.ctl("beta", "shutdown").returncode == 0
    assert growing.workers["beta"].wait() == 0
    check_counted(tmp_path)
