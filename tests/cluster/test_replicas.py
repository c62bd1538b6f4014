"""Each worker's parts are on the disk of the next, too, if nothing is configured."""

import contextlib
import random
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from support.harness import NAMES, hosts_in, wait_for
from support.killer import Killer
from support.oracle import check_slow_count
from support.ports import free_port
from support.rebuilding import inspected, rebuild, replica_of
from support.rests import check_counted

from wallarood.client import SourceClient

TOTALS = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

words = w.source("in", w.TcpSource("127.0.0.1:PORT", record=str))
sink = w.SqliteSink("out.db", "counts", columns=["word", "count"])
app = w.application("totals", words.key_by(lambda word: word).to(seen).to_sink(sink))
"""


def test_what_is_known_committed_is_the_same_on_two_disks(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        workers = cluster.workers.values()
        # The leader knows first that one is committed, and a holder when it is told so.
        wait_for("checkpoints", lambda: min(w.told().checkpoint.committed for w in workers) >= 6)
        for each in workers:
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


@pytest.mark.parametrize("lost", ["alpha", pytest.param("gamma", marks=pytest.mark.long)])
def test_a_worker_whose_disk_is_destroyed_is_rebuilt_from_its_holder(
    tmp_path: Path, endless: str, lost: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        worker = cluster.workers[lost]
        wait_for("checkpoints", lambda: worker.told().checkpoint.committed >= 4)
        worker.process.kill()
        assert worker.wait() == -signal.SIGKILL
        shutil.rmtree(worker.state)
        holder = cluster.workers["beta" if lost == "alpha" else "alpha"]
        rebuild(lost, worker.state, holder=holder.state)
        cluster.workers[lost] = cluster.start(lost)
        goes_on(cluster)
        cluster.shut_down()
    check_counted(tmp_path, "endless-out")


def test_a_cluster_that_was_formed_without_copies_goes_on_and_gets_them(
    tmp_path: Path, slow_count: str
) -> None:
    (tmp_path / "own.toml").write_text("checkpoint.replicas = 0\n")
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 2, "--config", str(tmp_path / "own.toml"))
        cluster.until("running")
        alpha = cluster.workers["alpha"]
        wait_for("checkpoints", lambda: alpha.told().checkpoint.committed >= 2)
        cluster.flags = ()
        cluster.kill(*cluster.workers)
        cluster.until("running")
        lost = cluster.workers["alpha"]
        wait_for("the copy", lambda: (copy := lost.told().checkpoint.copy) and not copy.fatal)
        lost.process.kill()
        lost.wait()
        shutil.rmtree(lost.state)
        rebuild("alpha", lost.state, holder=cluster.workers["beta"].state)
        cluster.workers["alpha"] = cluster.start("alpha")
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_what_was_acknowledged_is_on_two_disks(tmp_path: Path) -> None:
    """The disk of the worker that has acknowledged is destroyed before the next checkpoint."""
    (tmp_path / "app.py").write_text(TOTALS.replace("PORT", str(port := free_port())))
    out = tmp_path / "out.db"
    with hosts_in(tmp_path, interval="1500ms") as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), 2)
        cluster.until("running")
        with SourceClient(f"127.0.0.1:{port}", "till", timeout_s=60) as till:
            for turn in range(3):
                for number in range(500):
                    till.send(b'"word %d"' % (number % 7))
                till.flush()  # all of it is acknowledged
                (reading,) = [
                    worker
                    for worker in cluster.workers.values()
                    if list((worker.state / "cluster" / "sources").glob("*"))
                ]
                reading.process.kill()
                reading.wait()
                shutil.rmtree(reading.state)
                (other,) = [each for each in cluster.workers.values() if each is not reading]
                rebuild(reading.name, reading.state, holder=other.state)
                cluster.workers[reading.name] = cluster.start(reading.name)
                cluster.until("running")
                expected = 500 * (turn + 1)
                wait_for("all is counted", lambda n=expected: len(counts_in(out)) >= n)
        cluster.end()
    found = counts_in(out)
    for word in range(7):
        counts = [count for name, count in found if name == f"word {word}"]
        assert counts == list(range(1, len(counts) + 1))
    assert len(found) == 1500


def test_a_disk_that_is_lost_just_after_its_first_output_is_no_cluster_that_was_put_back(
    tmp_path: Path,
) -> None:
    """The copy is of the checkpoint before which nothing was known of the server."""
    (tmp_path / "app.py").write_text(TOTALS.replace("PORT", str(port := free_port())))
    out = tmp_path / "out.db"
    with hosts_in(tmp_path, interval="1500ms") as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), 2)
        cluster.until("running")
        with SourceClient(f"127.0.0.1:{port}", "till", timeout_s=60) as till:
            for number in range(500):
                till.send(b'"word %d"' % (number % 7))
            till.flush()
            wait_for("all is counted", lambda: len(counts_in(out)) >= 500)
            lost, other = cluster.workers["alpha"], cluster.workers["beta"]
            lost.process.kill()
            lost.wait()
            shutil.rmtree(lost.state)
            rebuild("alpha", lost.state, holder=other.state)
            cluster.workers["alpha"] = cluster.start("alpha")
            cluster.until("running")
            for number in range(70):
                till.send(b'"word %d"' % (number % 7))
            wait_for("the rest is counted", lambda: len(counts_in(out)) >= 570)
        cluster.end()
    found = counts_in(out)
    for word in range(7):
        counts = [count for name, count in found if name == f"word {word}"]
        assert counts == list(range(1, len(counts) + 1))
    assert len(found) == 570


def goes_on(cluster: Killer) -> None:
    """All run, and more is committed than before."""
    cluster.until("running")
    alpha = cluster.workers["alpha"]
    before = alpha.told().checkpoint.committed
    wait_for("checkpoints go on", lambda: alpha.told().checkpoint.committed > before + 1)


def counts_in(path: Path) -> list[tuple[str, int]]:
    query = "SELECT word, count FROM counts ORDER BY rowid"
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # the table is not there yet
            return []


def test_a_damaged_part_is_had_back_from_the_other_disk(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 2)
        cluster.until("running")
        beta = cluster.workers["beta"]
        wait_for("checkpoints", lambda: beta.told().checkpoint.committed >= 4)
        beta.process.kill()
        beta.wait()
        with contextlib.closing(sqlite3.connect(beta.state / "cluster" / "checkpoints.db")) as disk:
            assert disk.execute("UPDATE chunk SET data = x'00'").rowcount > 0
            disk.commit()
        beta = cluster.workers["beta"] = cluster.start("beta")
        goes_on(cluster)
        beta.says("a damaged checkpoint was replaced by its copy")
        cluster.shut_down()
    check_counted(tmp_path, "endless-out")


@pytest.mark.long
def test_workers_are_killed_at_random_moments_while_they_copy(
    tmp_path: Path, slow_count: str
) -> None:
    rng = random.Random(5)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        for _ in range(6):
            cluster.strike(rng)
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)
