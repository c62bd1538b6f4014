"""Disks that are full or lie: the flow goes on where it can, and what is damaged is named."""

import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Done, wallarood
from support.harness import WorkerProcess, hosts_in, wait_for
from support.killer import Killer
from support.rests import check_counted

from wallarood.admin.status import CheckpointStatus


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(where)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a file system")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def checkpoint(worker: WorkerProcess) -> CheckpointStatus:
    return worker.told().checkpoint


def read_by(worker: WorkerProcess) -> int:
    return sum(each.records for each in worker.told().sources)


def is_nearly_full(worker: WorkerProcess) -> bool:
    """Whether it knows that of the disk with its state."""
    free = worker.told().host.disk_free_bytes
    return free is not None and free < 1 << 16


def state_command(action: str, path: Path) -> Done:
    return wallarood("state", action, "--state-directory", str(path))


def test_a_full_disk_fails_checkpoints_and_not_the_flow(
    tmp_path: Path, endless: str, small_disk: Path
) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, count=2, initializer=True, state=small_disk / "alpha")
        beta = hosts.start("beta", endless, count=2)
        wait_for("a checkpoint", lambda: checkpoint(alpha).committed >= 1)
        wait_for("what is free is known", lambda: alpha.told().host.disk_free_bytes)
        filler = small_disk / "filler"
        fill(filler)
        wait_for("the disk shows in status", lambda: "full" in checkpoint(alpha).failing)
        wait_for("and what is free", lambda: is_nearly_full(alpha))
        stuck, read = checkpoint(alpha).committed, read_by(alpha)
        wait_for("records flow", lambda: read_by(alpha) > read + 2000)
        wait_for("both run", lambda: {alpha.phase(), beta.phase()} == {"running"})
        assert checkpoint(alpha).committed <= stuck + 1
        alpha.says("cannot be written")
        filler.unlink()
        wait_for("checkpoints go on", lambda: checkpoint(alpha).committed > stuck + 2)
        wait_for("status says so no more", lambda: checkpoint(alpha).failing == "")


def fill(path: Path) -> None:
    """Take all the space that is left."""
    size = 1 << 16
    with path.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


def test_a_worker_that_comes_back_on_a_full_disk_waits_for_room(
    tmp_path: Path, endless: str, small_disk: Path
) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless, state=small_disk / "alpha")
        wait_for("a checkpoint", lambda: checkpoint(alpha).committed >= 2)
        alpha.process.kill()
        alpha.wait()
        (alpha.state / "cluster" / "checkpoints.db-shm").unlink()
        filler = small_disk / "filler"
        fill(filler)
        with filler.open("r+b") as file:  # room for the count of starts, not for the database
            file.truncate(filler.stat().st_size - 16_384)
        again = hosts.start("alpha", endless, "--cluster-id", "auto", state=alpha.state)
        wait_for("it says so", lambda: "is the disk full" in again.said)
        wait_for("status says so", lambda: "is the disk full" in checkpoint(again).failing)
        filler.unlink()
        wait_for("it runs", lambda: again.phase() == "running")
        assert checkpoint(again).failing == ""
        assert "damaged" not in again.said


def test_a_shutdown_without_its_checkpoint_says_where_the_cluster_goes_on(tmp_path: Path) -> None:
    """The system refuses every write to a file."""
    (tmp_path / "stop.toml").write_text('timing.stop = "2s"\n')
    application = tmp_path / "numbers.py"
    numbers = 'w.source("numbers", w.GeneratorSource(rate=1000))'
    application.write_text(
        f'import wallarood as w\napp = w.application("x", {numbers}.to_sink(w.ListSink([])))\n'
    )
    with hosts_in(tmp_path) as hosts:
        start = (str(application), "--config", str(tmp_path / "stop.toml"))
        alpha = hosts.start("alpha", *start)
        wait_for("checkpoints", lambda: checkpoint(alpha).committed >= 3)
        resource.prlimit(alpha.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        wait_for("one is refused", lambda: checkpoint(alpha).failed >= 1)
        goes_on = f"goes on from checkpoint {checkpoint(alpha).committed}"
        done = alpha.ctl("shutdown")
        assert done.returncode == 69
        assert f"without a last checkpoint: when it is started, it {goes_on}" in done.stderr
        assert alpha.wait() == 0
        assert f"the cluster ends without one, and {goes_on}" in alpha.said
        again = hosts.start("alpha", *start, "--cluster-id", "auto")
        wait_for("it runs again", lambda: again.phase() == "running")


def test_a_disk_that_fails_costs_checkpoints_and_a_stop_does_not_wait_for_it(
    tmp_path: Path, endless: str
) -> None:
    """The system refuses every write behind the first pages of a file, as a broken disk does."""
    config = tmp_path / "stop.toml"
    config.write_text('timing.stop = "2s"\n')
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, endless, 2, "--config", str(config))
        beta = cluster.workers["beta"]
        wait_for("checkpoints", lambda: checkpoint(beta).committed >= 3)
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(beta.process.pid, resource.RLIMIT_FSIZE, (16_384, unlimited))
        wait_for("it shows in status", lambda: "disk I/O error" in checkpoint(beta).failing)
        stuck, read = checkpoint(beta).committed, read_by(cluster.workers["alpha"])
        wait_for("records flow", lambda: read_by(cluster.workers["alpha"]) > read + 600)
        cluster.until("running")
        beta.send(signal.SIGTERM)
        assert beta.wait() == 0, beta.said
        assert "disk I/O error" in beta.said
        cluster.workers["beta"] = cluster.start("beta")
        cluster.until("running")
        wait_for("checkpoints", lambda: checkpoint(cluster.workers["beta"]).committed > stuck)
        cluster.shut_down()
    check_counted(tmp_path, "endless-out")


def test_verify_names_damage_and_the_worker_does_not_start_with_it(
    tmp_path: Path, endless: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        alpha = hosts.start("alpha", endless)
        wait_for("checkpoints", lambda: checkpoint(alpha).committed >= 2)
        while_running = state_command("verify", alpha.state)
        assert (while_running.returncode, while_running.stderr) == (0, "")
        assert "no damage" in while_running.stdout
        assert "committed" in state_command("show", alpha.state).stdout
        alpha.process.terminate()
        assert alpha.wait() == 0
        spoil(alpha.state / "cluster" / "checkpoints.db")
        found = state_command("verify", alpha.state)
        assert found.returncode == 65
        assert "has a wrong checksum" in found.stdout
        again = hosts.start("alpha", endless, "--cluster-id", "auto")
        assert again.wait() == 65, again.said
        assert "the state of 'seen' in checkpoint" in again.said
        assert "restore a copy of the state directory" in again.said
        assert "Traceback" not in again.said
        assert state_command("reset", alpha.state).returncode == 0
        text = Path(endless).read_text()
        Path(endless).write_text(text.replace('-out")', '-out", if_exists="replace")'))
        fresh = hosts.start("alpha", endless, "--cluster-id", "auto")
        wait_for("a new cluster runs", lambda: fresh.phase() == "running")


def spoil(database: Path) -> None:
    """Change a byte of a stored state."""
    connection = sqlite3.connect(database)
    connection.execute("UPDATE chunk SET data = zeroblob(length(data))")
    connection.commit()
    connection.close()
