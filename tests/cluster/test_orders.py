"""What operators do to a cluster that runs: checkpoints, stops, copies, clusters side by side."""

import json
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.harness import WorkerProcess, hosts_in, wait_for
from support.killer import Killer
from support.oracle import check_slow_count
from support.rests import check_counted, counted, counting

from wallarood.model.cluster_record import ClusterRecord
from wallarood.storage.state_directory import look_into


def record_of(worker: WorkerProcess) -> ClusterRecord:
    record = look_into(worker.state).load_record()
    assert record is not None
    return record


def numbers_read(worker: WorkerProcess) -> int:
    """How far the source had come at the checkpoint that a stopped worker would go on from."""
    store = look_into(worker.state).open_checkpoints(record_of(worker).cluster_id)
    try:
        restored = store.restore(store.held[-1].number)
    finally:
        store.close()
    return sum(int(each.position) for each in restored.sources)


def check_prefix(directory: Path, numbers: int) -> None:
    """The output is that of the first *numbers* numbers, not one more and not one less."""
    check_slow_count(directory, numbers)


def test_a_checkpoint_is_taken_kept_shown_and_dropped(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path, interval="1h", liveness="30s") as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        beta, gamma = cluster.workers["beta"], cluster.workers["gamma"]
        done = gamma.ctl("checkpoint")
        assert (done.returncode, done.stdout) == (0, "checkpoint 1 is committed\n"), done.stderr
        done = beta.ctl("checkpoint", "--keep", "before the upgrade")
        assert done.stdout == "checkpoint 2 is committed, kept as 'before the upgrade'\n"
        assert beta.ctl("checkpoint").stdout == "checkpoint 3 is committed\n"
        wanted = ("kept:        before the upgrade (2)", "checkpoint:  3 committed", "round 1")
        for worker in cluster.workers.values():  # each hears of it from the leader
            wait_for_status(worker, *wanted)
        again = gamma.ctl("checkpoint", "--keep", "before the upgrade")
        assert again.returncode == 69
        assert "checkpoint 2 is already kept as 'before the upgrade'" in again.stderr
        unknown = gamma.ctl("checkpoint", "--drop", "another")
        assert "no checkpoint is kept as 'another'; kept checkpoints: 'before the" in unknown.stderr
        assert gamma.ctl("checkpoint", "--drop", "before the upgrade").returncode == 0
        for worker in cluster.workers.values():
            wait_for("it is dropped", lambda worker=worker: not worker.told().checkpoint.kept)


def test_no_checkpoint_is_promised_while_a_worker_is_away(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 2)
        cluster.until("running")
        cluster.workers["beta"].process.kill()
        alpha = cluster.workers["alpha"]
        wait_for("it is missed", lambda: alpha.phase() == "paused")
        refused = alpha.ctl("checkpoint")
        assert refused.returncode == 69
        assert "all workers must be connected; missing: beta" in refused.stderr


@pytest.mark.parametrize("name", ["alpha", pytest.param("gamma", marks=pytest.mark.long)])
def test_a_worker_that_was_stopped_replays_nothing(tmp_path: Path, endless: str, name: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        wait_for("some output", lambda: list((tmp_path / "endless-out").glob("[!.]*")))
        stopped = cluster.workers[name]
        stopped.send(signal.SIGTERM)
        assert stopped.wait() == 0, stopped.said
        others = [each for each in cluster.workers.values() if each is not stopped]
        wait_for("sources pause", lambda: all(each.phase() == "paused" for each in others))
        if name == "alpha":  # the source is on alpha
            check_counted(tmp_path, "endless-out")
            found = counted(tmp_path, "endless-out")
            assert sum(map(len, found.values())) == numbers_read(stopped)
        cluster.workers[name] = cluster.start(name)
        cluster.until("running")
        cluster.shut_down()
    check_counted(tmp_path, "endless-out")


def test_a_cluster_that_was_shut_down_goes_on_where_it_ended(tmp_path: Path) -> None:
    app = tmp_path / "slow_count.py"
    app.write_text(counting("slow_count", "rate=5000", sink='w.FileSink("slow_count-out")'))
    read = 0
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(app), 3)
        for _ in range(2):
            before = read
            cluster.until("running")
            reading = cluster.workers["alpha"]
            wait_for("more is read", lambda r=reading: any(s.records for s in r.told().sources))
            done = cluster.workers["beta"].ctl("shutdown")
            assert (done.returncode, done.stdout) == (0, "the cluster has stopped\n"), done.stderr
            for each in cluster.workers.values():
                assert each.wait() == 0, each.said
            read = numbers_read(cluster.workers["alpha"])
            assert read > before
            check_prefix(tmp_path, read)
            cluster.workers = {name: cluster.start(name) for name in cluster.workers}
        cluster.until("running")


def test_a_shutdown_names_who_was_away_and_lives_on(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        away = cluster.workers["gamma"]
        away.send(signal.SIGSTOP)
        others = [cluster.workers[name] for name in ("alpha", "beta")]
        wait_for("it is missed", lambda: all(each.phase() == "paused" for each in others))
        done = others[1].ctl("shutdown")
        assert done.returncode == 69
        assert "Stopped: alpha, beta" in done.stderr
        assert "not connected, so not told: gamma" in done.stderr
        assert [each.wait() for each in others] == [0, 0]
        away.send(signal.SIGCONT)
        wait_for("it lives on", lambda: away.phase() == "paused")
        away.send(signal.SIGTERM)
        assert away.wait() == 0


def test_a_copy_made_at_a_kept_checkpoint_can_be_put_back(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        beta = cluster.workers["beta"]
        kept = beta.ctl("checkpoint", "--keep", "copy")
        assert kept.returncode == 0, kept.stderr
        beta.send(signal.SIGTERM)
        assert beta.wait() == 0
        shutil.copytree(beta.state, tmp_path / "copy")
        cluster.workers["beta"] = cluster.start("beta")
        goes_on(cluster)
        cluster.shut_down()
        shutil.rmtree(beta.state)
        shutil.copytree(tmp_path / "copy", beta.state)
        cluster.workers = {name: cluster.start(name) for name in cluster.workers}
        goes_on(cluster)
        cluster.workers["alpha"].says("which is older than")
        cluster.shut_down()
    check_counted(tmp_path, "endless-out")


def goes_on(cluster: Killer) -> None:
    """All run, and later checkpoints are committed."""
    cluster.until("running")
    alpha = cluster.workers["alpha"]
    before = alpha.told().checkpoint.committed
    wait_for("checkpoints", lambda: alpha.told().checkpoint.committed > before + 2)


def test_a_copy_of_a_running_worker_is_refused_while_the_original_lives(
    tmp_path: Path, endless: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        gamma = cluster.workers["gamma"]
        gamma.send(signal.SIGSTOP)  # else its files are of several moments
        shutil.copytree(gamma.state, tmp_path / "copy", ignore=lambda *_: ["admin.sock", "lock"])
        gamma.send(signal.SIGCONT)
        cluster.until("running")  # it may have been missed for a moment
        copy = hosts.start(
            "gamma", endless, "--cluster-id", "auto", count=3, state=tmp_path / "copy"
        )
        assert copy.wait() == 76, copy.said
        assert "is this a copy?" in copy.said
        cluster.until("running")


@pytest.mark.parametrize("asked", ["auto", pytest.param("ID", marks=pytest.mark.long)])
def test_a_worker_whose_state_is_lost_is_told_what_is_missing(
    tmp_path: Path, endless: str, asked: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 3)
        cluster.until("running")
        beta = cluster.workers["beta"]
        cluster_id = record_of(beta).cluster_id
        beta.process.kill()
        beta.wait()
        shutil.rmtree(beta.state)
        wanted = cluster_id if asked == "ID" else asked
        empty = hosts.start("beta", endless, "--cluster-id", wanted, count=3)
        assert empty.wait() == 76, empty.said
        assert cluster_id in empty.said
        assert "put its state directory back" in empty.said
        assert not (beta.state / "cluster").exists()


def test_a_worker_that_was_started_anew_by_mistake_is_told_where_its_state_is(
    tmp_path: Path, slow_count: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.until("running")
        beta = cluster.workers["beta"]
        cluster_id = record_of(beta).cluster_id
        beta.process.kill()
        beta.wait()
        anew = hosts.start("beta", slow_count, count=3)
        assert anew.wait() == 76, anew.said
        assert f"start with --cluster-id {cluster_id} to bring it back" in anew.said
        cluster.workers["beta"] = hosts.start(
            "beta", slow_count, "--cluster-id", cluster_id, count=3
        )
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_workers_come_back_on_another_address(tmp_path: Path, slow_count: str) -> None:
    """Two at once, so that neither finds the other where it was."""
    moved = tmp_path / "moved.toml"
    moved.write_text('listen.control = "127.0.0.2:0"\nlisten.data = "127.0.0.2:0"\n')
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.until("running")
        for name in ("beta", "gamma"):
            cluster.workers[name].process.kill()
            cluster.workers[name].wait()
        cluster.flags = ("--config", str(moved))
        for name in ("beta", "gamma"):
            cluster.workers[name] = cluster.start(name)
        cluster.until("running")
        for name in ("alpha", "beta", "gamma"):
            status = cluster.workers[name].told()
            found = {each.name: each.address.partition(":")[0] for each in status.workers}
            assert found == {"alpha": "127.0.0.1", "beta": "127.0.0.2", "gamma": "127.0.0.2"}
        cluster.until("completed")
        cluster.end()
    check_slow_count(tmp_path)


def test_two_clusters_on_one_host_with_the_same_names_do_not_meet(
    tmp_path: Path, slow_count: str
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        place.mkdir()
        shutil.copy(slow_count, place)
    with hosts_in(one) as first, hosts_in(other) as second:
        clusters = [Killer(hosts, "slow_count.py", 3) for hosts in (first, second)]
        for cluster in clusters:
            cluster.until("running")
        for cluster in clusters:
            cluster.kill("beta")
        for cluster in clusters:
            cluster.until("completed")
        ids = {record_of(w).cluster_id for c in clusters for w in c.workers.values()}
        assert len(ids) == 2
        for cluster in clusters:
            cluster.end()
    for place in (one, other):
        check_slow_count(place)


def test_old_state_is_archived_for_a_new_cluster_and_can_be_brought_back(
    tmp_path: Path, slow_count: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 2)
        cluster.until("running")
        old = record_of(cluster.workers["alpha"]).cluster_id
        assert cluster.workers["alpha"].ctl("shutdown").returncode == 0
        for each in cluster.workers.values():
            each.wait()
        refused = hosts.start_cluster(2, slow_count)
        assert {each.wait() for each in refused} == {65}
        assert any("holds parts of another cluster" in each.said for each in refused)
        file = Path(slow_count)
        text = file.read_text()
        file.write_text(text.replace('-out")', '-out", if_exists="append")'))
        new = hosts.start_cluster(2, slow_count)
        goes = ("running", "completed")
        wait_for("the new one runs", lambda: all(w.phase() in goes for w in new))
        for each in new:
            each.says("former cluster archived")
        assert record_of(new[0]).cluster_id != old
        assert new[0].ctl("shutdown").returncode == 0
        for each in new:
            each.wait()
        for part in (tmp_path / "slow_count-out").glob(f"*{record_of(new[0]).cluster_id[-8:]}*"):
            part.unlink()
        file.write_text(text)
        cluster.flags = ("--cluster-id", old)
        cluster.workers = {name: cluster.start(name) for name in cluster.workers}
        cluster.until("completed")
        assert record_of(cluster.workers["alpha"]).cluster_id == old
        cluster.end()
    check_slow_count(tmp_path)


def test_the_output_of_a_prefix_is_what_the_oracle_says(tmp_path: Path) -> None:
    """The oracle itself: it sees one record too many, too few, twice and out of order."""
    out = tmp_path / "slow_count-out"
    out.mkdir()
    seen: Counter[int] = Counter()
    lines = []
    for number in range(300):
        seen[number % 97] += 1
        lines.append(f"{number % 97}\t{seen[number % 97]}\n")
    wrong = [lines[:-1], [*lines, "5\t5\n"], [*lines, lines[-1]], [*lines[:3], *lines[:2:-1]]]
    for text in (lines, *wrong):
        (out / "sink-a-0-x.000000.tsv").write_text("".join(text))
        if text is lines:
            check_slow_count(tmp_path, 300)
        else:
            with pytest.raises(AssertionError):
                check_slow_count(tmp_path, 300)


def wait_for_status(worker: WorkerProcess, *texts: str) -> None:
    """Wait until ``wallarooctl status`` there shows all *texts*."""

    def shown() -> bool:
        status = worker.ctl("status").stdout
        return all(text in status for text in texts)

    wait_for(f"{worker.name} shows {texts}", shown)


def answered_by_all(worker: WorkerProcess) -> Any:
    """The status of the cluster, once no worker is silent."""
    found: list[Any] = []

    def all_answer() -> bool:
        found.append(json.loads(worker.ctl("status", "--json").stdout))
        return bool(found[-1]["silent"] == [])

    wait_for("all answer", all_answer)
    return found[-1]


def test_status_is_that_of_the_whole_cluster_and_names_who_is_silent(
    tmp_path: Path, endless: str
) -> None:
    """The one source is on one worker: whoever is asked knows what it reads."""
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, endless)
        wait_for("all run", lambda: all(each.phase() == "running" for each in workers))
        for asked in workers:
            status = answered_by_all(asked)
            assert status["worker"] == asked.name
            everybody = [status, *status["others"]]
            assert {each["worker"] for each in everybody} == {"alpha", "beta", "gamma"}
            [source] = [source for each in everybody for source in each["sources"]]
            assert source["source"] == "numbers"
            wait_for_status(asked, "numbers")
        workers[2].send(signal.SIGSTOP)
        assert "no answer from gamma" in workers[0].ctl("status").stdout
        workers[2].send(signal.SIGCONT)
