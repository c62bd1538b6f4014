"""Replicas on workers that run: only who is an owner of this cluster and epoch is heard."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.lone import endless, lone_worker
from support.wires import data_channels

from wallarood.control.replicas import effects as do
from wallarood.model.change import PartName
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages.replicas import ReplicaHello
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.replicas import keep_replicas, perform_replicas
from wallarood.wire.frames import FrameDecoder


async def test_who_is_no_owner_here_is_refused(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone, data_channels() as (_, theirs):
        await lone.running()
        record = lone.worker.node.record
        assert record is not None
        hello = ReplicaHello(record.cluster_id, 1, "beta", Incarnation(1, "n"), 1)
        for refused in (hello, replace(hello, epoch=2), replace(hello, cluster_id="wc")):
            with pytest.raises(RemoteProtocolError, match="no replicas of beta are kept here"):
                await keep_replicas(lone.worker, Conversation(theirs, FrameDecoder(1)), refused)
        assert lone.worker.replicas.of_owners == {}


async def test_what_is_to_be_said_on_connections_that_are_gone_is_left(tmp_path: Path) -> None:
    part = PartName(1, "beta", 1, 1)
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        for effect in (
            do.LeaveHolder(),
            do.SendPart(part),
            do.TellReplicas("beta"),
            do.SayHeld(part),
            do.DropOwner("beta"),
        ):
            perform_replicas(lone.worker, effect)
        await lone.worker.turns.wait_idle()
        assert lone.worker.phase == "running"
