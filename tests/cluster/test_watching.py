"""A cluster of three is watched: on the command line, by Prometheus' text, over the network."""

import http.client
import itertools
import json
import signal
from pathlib import Path
from typing import Any

from support.harness import Hosts, WorkerProcess, hosts_in, wait_for
from support.patience import Wait
from support.ports import free_port
from support.scraped import samples

from wallarood.admin.client import ask

APPLICATION = """
import time
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen, on_error="skip")
def dawdle(number: int, state: Seen) -> int:
    time.sleep(0.001)
    state.count += 1
    if number % 500 == 0:
        raise ValueError(f"{number} is round")
    return number

@w.state_computation(state=Seen)
def same(number: int, state: Seen) -> int:
    time.sleep(0.0005)
    return number

def numbers(rate=None):
    return w.source("numbers", w.GeneratorSource(rate=rate))

def slow(args):
    stream = numbers().key_by(lambda number: number, name="by-number").to(dawdle)
    return w.application("slow", stream.to_sink(w.FileSink("slow-out"), name="out"))

def hot(args):
    stream = numbers().key_by(lambda n: "hot" if n % 10 else str(n), name="by-heat").to(same)
    return w.application("hot", stream.to_sink(w.FileSink("hot-out"), name="out"))

def calm(args):
    stream = numbers(rate=300).key_by(lambda number: number % 9, name="by-rest").to(same)
    return w.application("calm", stream.to_sink(w.FileSink("calm-out"), name="out"))
"""


def started(directory: Path, hosts: Hosts, name: str) -> list[WorkerProcess]:
    """Three workers that run the application *name*."""
    file = directory / "watched.py"
    file.write_text(APPLICATION)
    workers = hosts.start_cluster(3, f"{file}:{name}")
    wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
    return workers


def ctl(worker: WorkerProcess, *arguments: str) -> Any:
    """What `wallarooctl … --json` prints."""
    done = worker.ctl(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def findings(worker: WorkerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ctl(worker, "why")["findings"]
    return found


def first_is(worker: WorkerProcess, fault: str, where: str) -> dict[str, Any]:
    """Wait until this is found first, and return what is said of it then."""
    found: list[dict[str, Any]] = []

    def holds() -> bool:
        found.append(findings(worker)[0])
        return (found[-1]["fault"], found[-1]["where"]) == (fault, where)

    wait_for(f"{fault} of {where} is named", holds)
    return found[-1]


def test_why_names_the_slow_stage_and_then_the_worker_that_was_killed(tmp_path: Path) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha, beta, gamma = started(tmp_path, hosts, "slow")
        slow = first_is(beta, "slow stage", "dawdle")
        assert "busy" in slow["sentence"]
        assert any("dawdle (partitioned): busy" in line for line in slow["evidence"])
        wait_for("failures are known", lambda: ctl(gamma, "errors"))
        error = ctl(gamma, "errors")[0]["sample"]
        assert error["computation"] == "dawdle"
        assert "is round" in error["error"]
        assert error["line"] == 13
        gamma.send(signal.SIGKILL)
        gamma.wait()
        first_is(alpha, "missing worker", "gamma")
        wait_for("it is silent", lambda: ctl(alpha, "top")["silent"] == ["gamma"])


def test_why_names_the_key_that_has_most_records(tmp_path: Path) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha, *_ = started(tmp_path, hosts, "hot")
        assert "key hot has" in first_is(alpha, "hot key", "same")["sentence"]


def test_metrics_count_what_happens_on_each_worker_and_the_shares_make_one(
    tmp_path: Path,
) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = started(tmp_path, hosts, "calm")
        wait_for("it is committed", lambda: all(map(committed, workers)) and delivered(workers[0]))
        wait_for("all have read", lambda: all(stage_in(each) for each in workers))
        for worker in workers:
            found = samples(worker)
            for stage in ("numbers + by-rest", "same", "out"):
                key = (stage, worker.name)
                if ("wallarood_stage_busy_ratio", *key) not in found:
                    continue
                shares = [
                    found[f"wallarood_stage_{each}_ratio", *key]
                    for each in ("busy", "blocked", "idle")
                ]
                assert abs(sum(shares) - 1) < 0.001
                assert all(0 <= share <= 1 for share in shares)
            assert found["wallarood_memory_bytes", worker.name] > 10 << 20
        every = {"alpha", "beta", "gamma"}

        def up() -> set[str]:
            found = samples(workers[1], "/metrics?scope=cluster")
            return {key[1] for key in found if key[0] == "wallarood_up"}

        def remembered() -> dict[str, Any]:
            return dict(ask(workers[2].state / "admin.sock", "GET", "/api/v1/history"))

        wait_for("all are there", lambda: up() == every)
        wait_for("all have answered", lambda: remembered()["silent"] == [])
        assert set(remembered()["workers"]) == every


def committed(worker: WorkerProcess) -> float:
    return samples(worker).get(("wallarood_checkpoints_total", "committed", worker.name), 0)


def delivered(worker: WorkerProcess) -> float:
    return samples(worker).get(("wallarood_delivery_seconds_count", worker.name), 0)


def stage_in(worker: WorkerProcess) -> float:
    return samples(worker).get(("wallarood_stage_records_in_total", "same", worker.name), 0)


def test_the_page_and_its_events_are_served_over_the_network(tmp_path: Path, endless: str) -> None:
    port = free_port()
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start("alpha", endless, "--admin-http", f"127.0.0.1:{port}")
        wait_for("it runs", lambda: worker.phase() == "running")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/")
        assert b"<title>wallarood</title>" in connection.getresponse().read()
        connection.request("GET", "/api/v1/events")
        events = connection.getresponse()
        ats: list[float] = []
        wait = Wait()
        while len(ats) < 3 or ats[-1] - ats[-3] > 4:  # none came for a while on a slow machine
            assert wait.left_s(), ats
            line = events.readline()
            if line.startswith(b"data: "):
                ats.append(json.loads(line[6:])["at"])
        gaps = [later - at for at, later in itertools.pairwise(ats)]
        assert min(gaps) > 0.5
        connection.close()
        connection.request("POST", "/api/v1/shutdown")
        assert connection.getresponse().status == 403
        connection.close()
        assert worker.process.poll() is None


def test_a_worker_says_why_it_waits_while_the_cluster_forms(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, count=2, initializer=True)
        wait_for("it answers", lambda: alpha.phase() == "forming")
        (finding,) = findings(alpha)
        assert finding["fault"] == "not running"
        assert "waiting for 1 of 2 workers" in finding["sentence"]
        assert samples(alpha)["wallarood_job_state", "forming", "alpha"] == 1
