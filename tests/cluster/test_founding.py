"""Kills of all while a cluster is founded, and another initializer afterwards."""

import shutil
import signal
from pathlib import Path

import attrs
import pytest
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for
from support.ports import free_port

from wallarood.model.cluster_record import RecordState
from wallarood.storage.state_directory import look_into, open_state_directory


def not_begun(worker: WorkerProcess) -> str:
    """Let a killed worker's record be as it was before it began the first round."""
    state = open_state_directory(worker.state)
    try:
        record = state.load_record()
        assert record is not None
        state.save_record(attrs.evolve(record, state=RecordState.COMMITTED))
    finally:
        state.close()
    return record.cluster_id


def cluster_of(worker: WorkerProcess) -> str:
    record = look_into(worker.state).load_record()
    assert record is not None
    return record.cluster_id


def all_running(workers: list[WorkerProcess]) -> None:
    try:
        wait_for("all run", lambda: all(each.phase() == "running" for each in workers))
    except AssertionError as error:
        said = "\n".join(f"--- {each.name}\n{each.said}" for each in workers)
        raise AssertionError(f"{error}\n{said}") from error


def killed(hosts: Hosts, endless: str, count: int) -> list[WorkerProcess]:
    workers = hosts.start_cluster(count, endless)
    all_running(workers)
    for each in workers:
        each.process.kill()
    assert [each.wait() for each in workers] == [-signal.SIGKILL] * count
    return workers


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(("alpha",), marks=pytest.mark.long),
        pytest.param(("beta",), marks=pytest.mark.long),
        ("alpha", "beta"),
    ],
)
def test_all_killed_while_the_first_round_begins_are_one_cluster_again(
    tmp_path: Path, endless: str, behind: tuple[str, ...]
) -> None:
    """Those *behind* had not recorded it; all are started as before, without --cluster-id."""
    with hosts_in(tmp_path, interval="1h") as hosts:
        before = killed(hosts, endless, 2)
        old = {not_begun(each) for each in before if each.name in behind}
        # Sources run when all have recorded it: there would be no output yet. None is committed.
        shutil.rmtree(tmp_path / "endless-out", ignore_errors=True)
        after = hosts.start_cluster(2, endless)
        all_running(after)
        new = {cluster_of(each) for each in after}
        assert len(new) == 1
        assert new == old if len(behind) == 2 else not new & old


def test_another_initializer_of_a_running_cluster_changes_nothing(
    tmp_path: Path, endless: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        before = killed(hosts, endless, 2)
        hosts.port = free_port()
        wanted = ("--cluster-id", "auto")
        after = [
            hosts.start(name, endless, *wanted, count=2, initializer=name == "beta")
            for name in ("alpha", "beta")
        ]
        all_running(after)
        assert {cluster_of(each) for each in after} == {cluster_of(before[0])}
