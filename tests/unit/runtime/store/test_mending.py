"""What is damaged on opening ends the worker, unless there is a copy: and there is none alone."""

import sqlite3
from pathlib import Path

import pytest
import trio
from support.lone import endless, lone_worker

from wallarood.model.errors import DamagedStateError
from wallarood.runtime.store.mending import open_or_mend


async def test_without_copies_the_damage_is_told_as_ever(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="100ms") as lone:
        await lone.running()
        await lone.until(lambda: lone.worker.checkpoint_log.runs)
        path = lone.worker.store.cluster_path / "checkpoints.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET checksum = 0")
    async with lone_worker(tmp_path, endless([]), driven=False, worker__cluster_id="auto") as lone:
        record = lone.worker.node.record
        assert record is not None
        with pytest.raises(DamagedStateError, match="the marks have a wrong checksum"):
            await trio.to_thread.run_sync(open_or_mend, lone.worker, record.cluster_id)
