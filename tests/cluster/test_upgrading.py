"""A new version takes over state and positions, host by host, and nothing is counted twice."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from support.command import Done
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.rests import check_counted

FIRST = """
import wallarood as w

class Seen:
    def __init__(self):
        self.count = 0

class Total:
    total = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % 97, state.count

@w.state_computation(state=Total)
def total(number: int, state: Total) -> int:
    state.total += number
    return state.total

numbers = w.source("numbers", w.GeneratorSource(rate=1000)).key_by(
    lambda number: number % 97, name="by-rest"
)
app = w.application(
    "counts",
    numbers.to(seen).to_sink(w.FileSink("out"), name="out"),
    numbers.to(total).to_sink(w.FileSink("totals"), name="totals"),
)
"""
SECOND = """
import wallarood as w

class Counted:
    def __init__(self, amount):
        self.amount = amount
        self.largest = 0

def of_seen(stored, version):
    assert version == 1
    return Counted(stored.count)

@w.state_computation(state=lambda: Counted(0), version=2, migrate=of_seen)
def counted(number: int, state: Counted) -> tuple[int, int]:
    state.amount += 1
    state.largest = max(number, state.largest)
    return number % 97, state.amount

numbers = w.source("naturals", w.GeneratorSource(rate=1000)).key_by(
    lambda number: number % 97, name="by-rest"
)
app = w.application(
    "counts",
    numbers.to(counted).to_sink(w.FileSink("out"), name="out"),
    numbers.aggregate(w.count(), name="many").to_sink(w.FileSink("many"), name="many-out"),
    was={"counted": "seen", "naturals": "numbers"},
)
"""
WORKERS = NAMES[:3]


@attrs.define(eq=False)
class Upgraded:
    """A cluster of three, each with its own copy of the application, as on hosts of their own."""

    hosts: Hosts
    path: Path
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)

    def file(self, name: str) -> Path:
        return self.path / f"app_of_{name}.py"

    def start(self, name: str) -> None:
        self.workers[name] = self.hosts.start(
            name,
            str(self.file(name)),
            *("--cluster-id", "auto"),
            count=len(WORKERS),
            initializer=name == WORKERS[0],
        )

    def install(self, version: str, *names: str) -> None:
        for name in names or WORKERS:
            self.file(name).write_text(version)

    def ctl(self, *arguments: str) -> Done:
        return self.workers[WORKERS[0]].ctl(*arguments)

    def until(self, epoch: int) -> None:
        def runs() -> bool:
            found = [worker.status() for worker in self.workers.values()]
            return all(
                each is not None and each.epoch == epoch and each.job.value == "running"
                for each in found
            )

        try:
            wait_for(f"epoch {epoch} runs", runs, wait_s=60)
        except AssertionError as error:
            said = "\n".join(f"--- {n}\n{w.said[-3000:]}" for n, w in self.workers.items())
            raise AssertionError(f"{error}\n{said}") from error

    def end(self) -> None:
        done = self.ctl("shutdown")
        assert done.returncode == 0, done.stderr
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Upgraded]:
    with hosts_in(tmp_path) as hosts:
        made = Upgraded(hosts, tmp_path)
        made.install(FIRST)
        for name in WORKERS:
            made.start(name)
        made.until(1)
        yield made


def lines(directory: Path) -> Iterator[str]:
    for file in directory.glob("[!.]*"):
        yield from file.read_text().splitlines()


def test_a_version_with_other_names_and_states_goes_on_where_the_old_one_was(
    cluster: Upgraded, tmp_path: Path
) -> None:
    refused = cluster.ctl("upgrade", "--cancel")
    assert "there is nothing to cancel" in refused.stderr
    done = cluster.ctl("upgrade", "--drop", "total", "--drop", "totals")
    assert done.returncode == 0, done.stderr
    assert "the cluster waits for a new version" in done.stdout
    assert "waits for a new version already" in cluster.ctl("upgrade").stderr
    for name in WORKERS:
        cluster.install(SECOND, name)
        cluster.workers[name].process.terminate()
        assert cluster.workers[name].wait() == 0, cluster.workers[name].said
        cluster.start(name)
    cluster.until(2)
    wait_for("the new step has counted", lambda: any(lines(tmp_path / "many")), wait_s=60)
    cluster.end()
    check_counted(tmp_path)


def test_whoever_is_killed_while_it_is_upgraded_nothing_is_lost(
    cluster: Upgraded, tmp_path: Path
) -> None:
    rng = random.Random(1)
    assert cluster.ctl("upgrade", "--drop", "total", "--drop", "totals").returncode == 0
    cluster.install(SECOND)
    for name in rng.sample(WORKERS, len(WORKERS)):
        cluster.workers[name].process.kill()
        cluster.workers[name].wait()
        cluster.start(name)
    for _ in range(4):
        threading.Event().wait(rng.random())
        name = rng.choice(WORKERS)
        cluster.workers[name].process.kill()
        cluster.workers[name].wait()
        cluster.start(name)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)


def test_a_version_that_cannot_read_the_state_changes_nothing(
    cluster: Upgraded, tmp_path: Path
) -> None:
    assert cluster.ctl("upgrade", "--drop", "total", "--drop", "totals").returncode == 0
    broken = SECOND.replace("Counted(stored.count)", "Counted(stored.amount)")
    restart(cluster, broken)
    leader = cluster.workers[WORKERS[0]]
    wait_for("the upgrade is abandoned", lambda: "is abandoned" in leader.said, wait_s=60)
    assert "cannot be migrated from version 1 to 2" in leader.said
    # Where a connection is lost meanwhile it is in progress once more by itself.
    tried = "cannot be migrated from version 1 to 2"
    wait_for("an order tries again", lambda: tried in cluster.ctl("upgrade").stderr, wait_s=60)
    restart(cluster, SECOND)
    cluster.until(2)
    cluster.end()
    check_counted(tmp_path)


def restart(cluster: Upgraded, version: str) -> None:
    """Start all with *version*, after all have ended."""
    cluster.install(version)
    for name in WORKERS:
        cluster.workers[name].process.terminate()
        assert cluster.workers[name].wait() == 0, cluster.workers[name].said
    for name in WORKERS:
        cluster.start(name)


def test_without_the_order_another_version_is_refused_with_a_way_out(cluster: Upgraded) -> None:
    name = WORKERS[1]
    cluster.install(SECOND, name)
    cluster.workers[name].process.terminate()
    assert cluster.workers[name].wait() == 0
    cluster.start(name)
    assert cluster.workers[name].wait() == 65
    assert "wallarooctl upgrade" in cluster.workers[name].said
