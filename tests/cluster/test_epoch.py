"""A worker that was away while the topology changed is brought up to date."""

import signal
from pathlib import Path

import attrs
import pytest
from support.harness import WorkerProcess, hosts_in
from support.killer import Killer
from support.oracle import check_slow_count

from wallarood.storage.state_directory import look_into, open_state_directory


def advance(worker: WorkerProcess) -> None:
    """Let a stopped worker's record be that of the next epoch."""
    state = open_state_directory(worker.state)
    try:
        record = state.load_record()
        assert record is not None
        topology = attrs.evolve(record.topology, epoch=record.topology.epoch + 1)
        state.save_record(attrs.evolve(record, topology=topology))
    finally:
        state.close()


def epoch_of(worker: WorkerProcess) -> int:
    record = look_into(worker.state).load_record()
    assert record is not None
    return record.topology.epoch


@pytest.mark.parametrize("behind", ["alpha", "beta", "gamma"])
def test_who_is_behind_adopts_the_newer_topology(
    tmp_path: Path, slow_count: str, behind: str
) -> None:
    """The leader, which is dialled; the last, which dials; and the one that does both."""
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, slow_count, 3)
        cluster.until("running")
        for each in cluster.workers.values():
            each.send(signal.SIGTERM)
        for name, each in cluster.workers.items():
            each.wait()
            if name != behind:
                advance(each)
        cluster.workers = {name: cluster.start(name) for name in cluster.workers}
        cluster.until("completed")
        said = cluster.workers[behind].said
        assert "brought up to date: the topology is that of epoch 2, not 1" in said
        assert {epoch_of(each) for each in cluster.workers.values()} == {2}
        cluster.end()
    check_slow_count(tmp_path)
