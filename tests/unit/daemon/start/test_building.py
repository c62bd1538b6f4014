"""A worker as it is built: what it forms a cluster with, and that it goes on from its record."""

from pathlib import Path

import pytest
from support.lone import HERE, endless, lone_worker

from wallarood.daemon.start.building import formation_settings
from wallarood.model.ids import Incarnation
from wallarood.model.messages import Member


@pytest.mark.parametrize("wanted", [None, "auto"])
async def test_without_a_cluster_id_a_new_cluster_is_formed(
    tmp_path: Path, wanted: str | None
) -> None:
    values = {} if wanted is None else {"worker__cluster_id": wanted}
    async with lone_worker(tmp_path, endless([]), driven=False, **values) as lone:
        member = Member("alpha", HERE, HERE, Incarnation(1, "a"))
        made = [formation_settings(lone.parts, member, ()) for _ in range(2)]
        assert made[0].forms_new is (wanted is None)
        assert made[0].name == "alpha"
        assert made[0].worker_count == 1
        assert made[0].nonce != made[1].nonce, "no two attempts are the same"


async def test_a_worker_of_one_forms_its_cluster_and_goes_on_with_it_in_its_next_life(
    tmp_path: Path,
) -> None:
    records: list[int] = []
    values = {"worker__cluster_id": "auto", "checkpoint__interval": "50ms"}
    async with lone_worker(tmp_path, endless(records), **values) as lone:
        await lone.running()
        first = lone.worker.node.stamp.cluster_id
        await lone.until(lambda: records)
        last = lone.worker.last_checkpoint
        begun = 1 if last is None else last.number + 1  # it may hold no record
        await lone.until(
            lambda: lone.worker.checkpoints and lone.worker.checkpoints.committed.number > begun
        )
    before = len(records)
    async with lone_worker(tmp_path, endless(records), **values) as lone:
        await lone.running()
        assert lone.worker.node.stamp.cluster_id == first
        await lone.until(lambda: len(records) > before)
        assert lone.worker.member.incarnation.starts == 2
    assert records[before] > 0, "it goes on from the checkpoint, not from the beginning"
