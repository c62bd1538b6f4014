"""Each worker's parts are on the disk of the next, too: any one disk may be lost."""

import random
import shutil
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from support.harness import NAMES, hosts_in, wait_for
from support.killer import Killer
from support.oracle import check_slow_count
from support.rebuilding import inspected, rebuild, replica_of


@pytest.fixture
def flags(tmp_path: Path) -> tuple[str, ...]:
    """What turns replicas on."""
    config = tmp_path / "replicas.toml"
    config.write_text("checkpoint.replicas = 1\n")
    return ("--config", str(config))


def test_what_is_known_committed_is_the_same_on_two_disks(
    tmp_path: Path, endless: str, flags: tuple[str, ...]
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3, *flags)
        cluster.until("running")
        alpha = cluster.workers["alpha"]
        wait_for("checkpoints", lambda: (alpha.status() or fail()).checkpoint.committed >= 6)
        for each in cluster.workers.values():
            each.process.kill()
            each.wait()
        for name, holder in zip(NAMES[:3], ("beta", "gamma", "alpha"), strict=True):
            own = inspected(cluster.workers[name].state)
            kept = inspected(cluster.workers[holder].state)
            part = replica_of(name, kept)
            assert part.number >= 6
            restored = kept.replicas.restore(part)
            assert restored == own.restore(part.number)
            assert restored.chunks["seen"]


def fail() -> NoReturn:
    raise AssertionError("the worker does not answer")


@pytest.mark.parametrize("lost", ["alpha", pytest.param("gamma", marks=pytest.mark.long)])
def test_a_worker_whose_disk_is_destroyed_is_rebuilt_from_its_holder(
    tmp_path: Path, slow_count: str, flags: tuple[str, ...], lost: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3, *flags)
        cluster.until("running")
        worker = cluster.workers[lost]
        wait_for("checkpoints", lambda: (worker.status() or fail()).checkpoint.committed >= 4)
        worker.process.kill()
        assert worker.wait() == -signal.SIGKILL
        shutil.rmtree(worker.state)
        holder = cluster.workers["beta" if lost == "alpha" else "alpha"]
        rebuild(lost, worker.state, holder=holder.state)
        cluster.workers[lost] = cluster.start(lost)
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


@pytest.mark.long
def test_workers_are_killed_at_random_moments_while_they_copy(
    tmp_path: Path, slow_count: str, flags: tuple[str, ...]
) -> None:
    rng = random.Random(5)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3, *flags)
        for _ in range(6):
            cluster.strike(rng)
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)
