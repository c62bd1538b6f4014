"""A version that was upgraded from goes on from its last checkpoint, and makes the rest again."""

import json
import random
import signal
import threading
from itertools import accumulate
from pathlib import Path

import pytest
from support.harness import wait_for
from support.rests import RESTS, check_counted, counted

from tests.cluster.test_upgrading import FIRST, SECOND, WORKERS, Upgraded, lines
from tests.cluster.test_upgrading import cluster as cluster  # noqa: PLC0414 - a fixture

DROPS = ("--drop", "total", "--drop", "totals")


def upgraded(cluster: Upgraded, path: Path) -> None:
    """The newer version runs, and has published something."""
    done = cluster.ctl("upgrade", *DROPS)
    assert done.returncode == 0, done.stderr
    install(cluster, SECOND)
    cluster.until(2)
    wait_for("the newer version has published", lambda: any(lines(path / "many")), wait_s=60)


def install(cluster: Upgraded, version: str) -> None:
    """Host by host, each worker being stopped for it."""
    for name in WORKERS:
        cluster.install(version, name)
        cluster.workers[name].process.terminate()
        assert cluster.workers[name].wait() == 0, cluster.workers[name].said
        cluster.start(name)


def waits(cluster: Upgraded, text: str) -> None:
    leader = cluster.workers[WORKERS[0]]
    wait_for(text, lambda: text in leader.said or text in str(leader.status()), wait_s=60)


def check_totals(path: Path) -> None:
    """The version before had the sum of all numbers of a rest, which the newer one dropped."""
    totals = sorted(int(line) for line in lines(path / "totals"))
    alike = [range(rest, len(totals), RESTS) for rest in range(RESTS)]
    assert totals == sorted(total for numbers in alike for total in accumulate(numbers))


def test_what_the_newer_version_made_is_made_again_by_the_one_before(
    cluster: Upgraded, tmp_path: Path
) -> None:
    assert "there is no version to go back to" in cluster.ctl("upgrade", "--back").stderr
    upgraded(cluster, tmp_path)
    plan = json.loads(cluster.ctl("upgrade", "--back", "--dry-run", "--json").stdout)
    assert plan["restart"] == list(WORKERS)
    assert plan["lost"] == ["the state of computation 'many'"]
    made = sum(map(len, counted(tmp_path).values()))
    install(cluster, FIRST)
    waits(cluster, "wallarooctl upgrade --back goes back")
    said = cluster.ctl("upgrade", "--back", "--dry-run").stdout
    assert f"would go back to checkpoint {plan['checkpoint']}, the last of the version" in said
    assert "to be restarted with that version: no worker" in said
    done = cluster.ctl("upgrade", "--back")
    assert done.returncode == 0, done.stderr
    assert f"went back to checkpoint {plan['checkpoint']}" in done.stdout
    cluster.until(3)
    wait_for("all is made again", lambda: sum(map(len, counted(tmp_path).values())) > made)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


@pytest.mark.long
def test_an_order_that_comes_first_waits_for_the_version(cluster: Upgraded, tmp_path: Path) -> None:
    upgraded(cluster, tmp_path)
    done = cluster.ctl("upgrade", "--back")
    assert done.returncode == 0, done.stderr
    assert "when that version runs on all workers" in done.stdout
    assert cluster.ctl("upgrade", "--cancel").returncode == 0
    assert cluster.ctl("upgrade", "--back").returncode == 0
    install(cluster, FIRST)
    cluster.until(3)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_whoever_is_killed_on_the_way_back_all_is_made_again(
    cluster: Upgraded, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    upgraded(cluster, tmp_path)
    assert cluster.ctl("upgrade", "--back").returncode == 0
    cluster.install(FIRST)
    for name in rng.sample(WORKERS, len(WORKERS)):
        kill(cluster, name)
    for _ in range(4):
        threading.Event().wait(rng.random())
        kill(cluster, rng.choice(WORKERS))
    cluster.until(3)
    cluster.end()
    check_counted(tmp_path)
    check_totals(tmp_path)


def kill(cluster: Upgraded, name: str) -> None:
    worker = cluster.workers[name]
    worker.process.kill()
    assert worker.wait() == -signal.SIGKILL, worker.said
    cluster.start(name)


@pytest.mark.long
def test_without_the_last_checkpoint_of_the_version_before_there_is_no_way_back(
    cluster: Upgraded, tmp_path: Path
) -> None:
    upgraded(cluster, tmp_path)
    dropped = cluster.ctl("checkpoint", "--drop", "before-upgrade")
    assert dropped.returncode == 0, dropped.stderr
    assert "there is no way back" in cluster.ctl("upgrade", "--back").stderr
    name = WORKERS[1]
    cluster.install(FIRST, name)
    cluster.workers[name].process.terminate()
    assert cluster.workers[name].wait() == 0
    cluster.start(name)
    assert cluster.workers[name].wait() == 76
    assert "start the newer version again" in cluster.workers[name].said
    cluster.install(SECOND, name)
    cluster.start(name)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)
