"""What is told of a worker: fields of the journal, and its status while it changes."""

import socket
from pathlib import Path

import pytest
import trio
from support.lone import endless, lone_worker

from wallarood.daemon import telling
from wallarood.daemon.telling import log_context, stuck, tell_status


async def test_every_entry_of_the_journal_names_worker_cluster_epoch_and_round(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        assert log_context(lone.worker)["WALLAROOD_WORKER"] == "alpha"
        await lone.running()
        fields = log_context(lone.worker)
        assert fields["WALLAROOD_CLUSTER_ID"].startswith("wc-")
        assert (fields["WALLAROOD_EPOCH"], fields["WALLAROOD_ROUND"]) == ("1", "1")


async def test_a_worker_that_gets_on_or_has_no_job_is_not_stuck(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        assert stuck(lone.worker) == ""
        await lone.running()
        assert stuck(lone.worker) == ""


async def test_the_service_manager_sees_how_old_the_last_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "STATUS_S", 0.02)
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(place))
        values = {"checkpoint__interval": "50ms"}
        async with lone_worker(tmp_path, endless([]), **values) as lone:
            await lone.running()
            heard: list[bytes] = []

            async def listen() -> None:
                while True:
                    await trio.lowlevel.wait_readable(manager)
                    heard.append(manager.recv(4096))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                nursery.start_soon(tell_status, lone.worker)
                await lone.until(lambda: any(b"STATUS=running, checkpoint" in h for h in heard))
                nursery.cancel_scope.cancel()
