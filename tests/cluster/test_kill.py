"""Workers are killed at any moment: every result comes out exactly once."""

import random
import signal
from pathlib import Path

import pytest
from support.harness import ended_well, hosts_in, wait_for
from support.killer import Killer
from support.oracle import check_slow_count

STRIKES = 12
SEEDS = 4
"""A strike in ten stops a worker, the others kill 1.6 on average: about 70 kills in all.

The first of them is part of `make test`, the others of `make test-all`.
"""


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, SEEDS))]
)
def test_workers_are_killed_at_random_moments(tmp_path: Path, slow_count: str, seed: int) -> None:
    rng = random.Random(seed)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        for _ in range(STRIKES):
            cluster.strike(rng)
        assert cluster.kills.total() >= 15
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_workers_are_killed_while_the_cluster_forms(tmp_path: Path, slow_count: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 2)
        cluster.count = 3
        for each in cluster.workers.values():
            each.process.kill()
            each.wait()
        cluster.workers = {name: cluster.start(name) for name in cluster.workers}
        for names in (("beta",), ("alpha",), ("alpha", "beta")):
            cluster.until("forming")
            cluster.kill(*names)
        cluster.until("forming")
        cluster.workers["gamma"] = cluster.start("gamma")
        joined = cluster.workers["alpha"]
        wait_for("all have joined", lambda: "gamma has joined" in joined.said)
        cluster.kill("alpha", "gamma")  # between prepare and commit, or just behind it
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_each_is_killed_while_records_flow_and_then_all_at_once(
    tmp_path: Path, slow_count: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        for names in (("beta",), ("alpha",), ("gamma",), ("alpha", "beta", "gamma")):
            cluster.until("running")
            cluster.kill(*names)
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_all_are_killed_when_the_job_is_completed(tmp_path: Path, slow_count: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.hits_what_is_over = True
        cluster.until("completed")
        cluster.kill("alpha", "beta", "gamma")
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_a_worker_that_is_killed_when_all_is_done_does_not_wait_for_ever(
    tmp_path: Path, slow_count: str
) -> None:
    wait = tmp_path / "wait.toml"
    wait.write_text('timing.completion-wait = "2s"\n')
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3, "--config", str(wait))
        cluster.until("completed")
        for each in cluster.workers.values():
            each.process.kill()
            each.wait()
        cluster.flags = (*cluster.flags, "--exit-on-completion")
        alone = cluster.start("beta")
        assert alone.wait() == 69
        assert "not all of its peers have come back for 2 s" in alone.said
        wait.write_text("")  # three that come back together may take longer than that
        ended_well([cluster.start(name) for name in cluster.workers])
    check_slow_count(tmp_path)


def test_a_worker_that_dies_again_and_again_leaves_the_others_waiting_and_healthy(
    tmp_path: Path, slow_count: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.until("running")
        others = [cluster.workers["alpha"], cluster.workers["gamma"]]
        for _ in range(6):
            beta = cluster.workers["beta"]
            wait_for("beta is up", lambda beta=beta: "listening" in beta.said)
            cluster.kill("beta")
            for each in others:
                assert each.told().job.value in ("paused", "recovering", "running"), each.said
        cluster.until("completed")
        assert all(each.process.poll() is None for each in others)
        assert not any("Traceback" in each.said for each in others)
        cluster.end()
    check_slow_count(tmp_path)


@pytest.mark.parametrize("name", [pytest.param("alpha", marks=pytest.mark.long), "gamma"])
def test_a_worker_is_killed_while_it_stops(tmp_path: Path, slow_count: str, name: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.until("running")
        cluster.workers[name].send(signal.SIGTERM)
        cluster.workers[name].process.kill()
        cluster.workers[name].wait()
        cluster.workers[name] = cluster.start(name)
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)
