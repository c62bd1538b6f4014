"""A host is lost for good, with its disk: the others go on with what it had, from its copies."""

import shutil
from pathlib import Path

import pytest
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.rests import RESTS, counted, counting


def committed(worker: WorkerProcess) -> int:
    return worker.told().checkpoint.committed


def started(hosts: Hosts, tmp_path: Path, count: int) -> dict[str, WorkerProcess]:
    (tmp_path / "counts.py").write_text(counting("counts", "rate=2000"))
    (tmp_path / "replicas.toml").write_text("checkpoint.replicas = 1\n")
    flags = ("--cluster-id", "auto", "--config", str(tmp_path / "replicas.toml"))
    workers = hosts.start_cluster(count, str(tmp_path / "counts.py"), *flags)
    wait_for("checkpoints", lambda: all(e.phase() == "running" for e in workers), wait_s=60)
    wait_for("checkpoints", lambda: committed(workers[0]) >= 4)
    return dict(zip(NAMES, workers, strict=False))


@pytest.mark.parametrize("lost", ["gamma", pytest.param("alpha", marks=pytest.mark.long)])
def test_the_others_go_on_with_what_a_lost_worker_had(tmp_path: Path, lost: str) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = started(hosts, tmp_path, 3)
        gone = workers.pop(lost)
        gone.process.kill()
        gone.wait()
        shutil.rmtree(gone.state)
        asked = next(iter(workers.values()))
        wait_for("all miss it", lambda: all(each.misses(lost) for each in workers.values()))
        refused = asked.ctl("evict", lost)
        assert refused.returncode != 0
        assert "--lose-output goes on without it" in refused.stderr
        done = asked.ctl("evict", lost, "--lose-output")
        said = "\n".join(f"--- {n}\n{w.said[-3000:]}" for n, w in workers.items())
        assert done.returncode == 0, done.stderr + said
        wait_for("they run", lambda: all(e.phase() == "running" for e in workers.values()))
        before = committed(asked)
        wait_for("checkpoints go on", lambda: committed(asked) > before + 3)
        assert {e.told().epoch for e in workers.values()} == {2}
        assert asked.ctl("shutdown").returncode == 0
        for worker in workers.values():
            assert worker.wait() == 0, worker.said
    found = counted(tmp_path)
    assert len(found) == RESTS
    highest = max(max(counts) for counts in found.values())
    for counts in found.values():
        assert len(set(counts)) == len(counts), "a count came twice"
        assert counts[-1] >= highest - 1, "state was lost"
    lacking, every = (sum(map(of, found.values())) for of in (gaps_in, max))
    assert lacking < every / 2, "more is lost than what was not published where the disk was lost"


def gaps_in(counts: list[int]) -> int:
    return counts[-1] - len(counts)


def test_a_worker_that_is_there_is_not_evicted_nor_one_of_two_without_a_word(
    tmp_path: Path,
) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = started(hosts, tmp_path, 2)
        alpha, beta = workers["alpha"], workers["beta"]
        refused = alpha.ctl("evict", "beta", "--lose-output")
        assert "beta is connected: use wallarooctl shrink" in refused.stderr
        beta.process.kill()
        beta.wait()
        wait_for("it is missed", lambda: alpha.phase() == "paused")
        refused = alpha.ctl("evict", "beta", "--lose-output")
        assert "which is no majority" in refused.stderr
        done = alpha.ctl("evict", "beta", "--lose-output", "--certified-dead")
        assert done.returncode == 0, done.stderr + alpha.said[-3000:]
        wait_for("it runs alone", lambda: alpha.phase() == "running")


@pytest.mark.long
def test_an_evicted_initializer_forms_no_cluster_beside_that_which_goes_on(tmp_path: Path) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = started(hosts, tmp_path, 2)
        alpha, beta = workers["alpha"], workers["beta"]
        alpha.process.kill()
        alpha.wait()
        wait_for("it is missed", lambda: beta.phase() == "paused")
        done = beta.ctl("evict", "alpha", "--lose-output", "--certified-dead")
        assert done.returncode == 0, done.stderr + beta.said[-3000:]
        wait_for("it runs alone", lambda: beta.phase() == "running")

        def again(*flags: str) -> WorkerProcess:
            config = ("--config", str(tmp_path / "replicas.toml"))
            application = str(tmp_path / "counts.py")
            return hosts.start("alpha", application, *config, *flags, count=2, initializer=True)

        told = again("--cluster-id", "auto")
        assert told.wait() == 76, told.said
        assert "alpha was evicted at epoch 2; to join again as another, start it" in told.said
        for flags in ((), ("--cluster-id", "auto")):
            told = again(*flags)
            assert told.wait() == 76, told.said
            assert "alpha was evicted at epoch 2, and the others go on without it" in told.said
        joined = again("--join")
        wait_for("it is in", lambda: joined.phase() == "running", wait_s=60)
        assert {joined.told().epoch, beta.told().epoch} == {3}
        assert len(beta.told().workers) == 2
