"""Disks are destroyed, one at a time: what was on one is made again of what its holder has."""

import random
import shutil
import signal
import time
from pathlib import Path

from support.harness import WorkerProcess, wait_for
from support.killer import Killer
from support.rebuilding import rebuild

REPLICAS = "checkpoint.replicas = 1\n"
COPIED_S = 120.0


def replicas_in(directory: Path) -> tuple[str, ...]:
    """The flags of workers that keep copies for each other."""
    config = directory / "replicas.toml"
    config.write_text(REPLICAS)
    return ("--config", str(config))


def lose_disk(cluster: Killer, rng: random.Random) -> None:
    """Kill a worker at a random moment and destroy its disk; half of the times its holder dies too.

    Of what another disk was lost before, all is copied again first.
    """
    cluster.until("running")
    newest = max(_committed(each) for each in cluster.workers.values())
    wait_for("all disks have copies", lambda: _are_copied(cluster, newest + 1), wait_s=COPIED_S)
    lost = cluster.workers[rng.choice(list(cluster.workers))]
    status = lost.status()
    assert status is not None
    assert status.checkpoint.copy is not None
    holder = cluster.workers[status.checkpoint.copy.holder]
    moment = time.monotonic() + rng.random()
    wait_for("the moment", lambda: time.monotonic() >= moment)
    if rng.random() < 0.5:
        _end(lost, holder)
    else:
        _end(lost)
        # Until then it may yet hear that a checkpoint is committed.
        wait_for("its holder misses it", lambda: holder.phase() != "running")
    shutil.rmtree(lost.state)
    rebuild(lost.name, lost.state, holder=holder.state)
    for each in (lost, holder):
        if each.process.poll() is not None:
            cluster.workers[each.name] = cluster.start(each.name)
            cluster.kills[each.name] += 1


def _end(*workers: WorkerProcess) -> None:
    for each in workers:
        each.process.kill()
    for each in workers:
        assert each.wait() == -signal.SIGKILL, each.said


def _committed(worker: WorkerProcess) -> int:
    status = worker.status()
    return status.checkpoint.committed if status is not None else 0


def _are_copied(cluster: Killer, number: int) -> bool:
    for each in cluster.workers.values():
        status = each.status()
        copy = status.checkpoint.copy if status is not None else None
        if copy is None or copy.fatal or (copy.copied or 0) < number:
            return False
    return True
