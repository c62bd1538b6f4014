"""Replicas on workers that run: only who is an owner of this cluster and epoch is heard."""

from pathlib import Path

import attrs
import pytest
import trio
from msgspec.structs import replace
from support.copied import Copied, part_at, store_at, write_part
from support.handing import halt
from support.lone import endless, lone_worker
from support.patience import patiently
from support.wires import data_channels

from wallarood.control.events import RoundWritten
from wallarood.control.replicas import effects as do
from wallarood.control.replicas.copies import Copies
from wallarood.control.replicas.events import PartToCopy, RoundOver
from wallarood.control.replicas.holder import Holder
from wallarood.control.replicas.replicator import Replicator
from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages import RoundProposal
from wallarood.model.messages.replicas import Credit, Has, Held, PartWanted, ReplicaHello
from wallarood.runtime.peers.parts import Allowance, Conversation, send_part
from wallarood.runtime.replicas import keep_replicas, perform_replicas, tell_copying
from wallarood.runtime.worker import LastCheckpoint
from wallarood.storage.part_reader import own_part
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


async def test_a_checkpoint_that_waits_for_its_copy_says_so(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone, trio.open_nursery() as nursery:
        await lone.running()
        worker = lone.worker
        record, round_ = worker.node.record, worker.running
        assert record is not None
        assert round_ is not None
        copied = Copied(store_at(tmp_path / "owner.db"), store_at(tmp_path / "holder.db"))
        worker.last_checkpoint = LastCheckpoint(7, 0.0, 0.0, 1)
        tell_copying(worker, round_)
        assert round_.awaiting == ""  # no replicas are kept

        replicator = Replicator("alpha", ("alpha", "beta"), layout=1)
        copies = Copies(record, Holder("alpha", ("alpha", "beta")), replicator)
        worker.node.machines.copies = copies
        link = worker.replicas.to_holder = copied.link(nursery)
        tell_copying(worker, round_)
        assert round_.awaiting == ""  # nothing is to be copied
        replicator.step(PartToCopy(CheckpointId(1, 7), 1), 0.0)
        tell_copying(worker, round_)
        assert round_.awaiting == "the copy on beta, which is not connected"
        nursery.start_soon(link.run)
        await copied.until(lambda: copied.connections)
        copied.says_what_it_has()
        await copied.until(lambda: link.connected)
        tell_copying(worker, round_)
        assert round_.awaiting == "the copy on beta (0 MiB sent)"

        copies.proposed(RoundProposal("a", 2, CheckpointId(1, 7), 7, (), 0))
        assert worker.waiting == ""
        copies.take(RoundWritten(2), 0.0)
        assert worker.waiting == "waiting for the copy on beta (0 MiB sent)"
        worker.node.machines.copies = worker.replicas.to_holder = None
        nursery.cancel_scope.cancel()
        copied.owner.close()
        copied.holder.close()


async def test_no_part_is_taken_when_a_round_is_over_on_no_connection(tmp_path: Path) -> None:
    """An owner that is being evicted may live, and go on sending in the round that it knows."""
    owner = store_at(tmp_path / "owner.db")
    parts = [attrs.evolve(part_at(number), owner="beta") for number in (1, 2)]

    async def send(conversation: Conversation, part: PartName) -> None:
        head, chunks = own_part(owner, PartWanted(part_at(part.number)), ())
        head = replace(head, part=part)
        await send_part(conversation, head, chunks, allowance=Allowance())

    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        worker, store = lone.worker, lone.worker.checkpoints
        record = worker.node.record
        assert record is not None
        assert store is not None
        copies = Copies(record, Holder("alpha", ("alpha", "beta")), None)
        worker.node.machines.copies = copies
        copies.take(RoundWritten(store.round), 0.0)
        hello = ReplicaHello(record.cluster_id, 1, "beta", Incarnation(1, "n"), store.round)
        for number in (1, 2):
            write_part(owner, number, b"state")
        with patiently(20):
            async with data_channels() as (ours, theirs), trio.open_nursery() as nursery:
                conversation = Conversation(ours, FrameDecoder(1 << 20))
                held = Conversation(theirs, FrameDecoder(1 << 20))
                nursery.start_soon(keep_replicas, worker, held, hello)
                assert isinstance(await conversation.hear(), Has)
                await send(conversation, parts[0])
                assert isinstance(await conversation.hear(), Credit)
                assert await conversation.hear() == Held(parts[0])
                effects, _ = copies.take(RoundOver(), 0.0)
                assert effects == [do.DropOwner("beta")]
                perform_replicas(worker, do.DropOwner("beta"))
            async with data_channels() as (ours, theirs):
                await send(Conversation(ours, FrameDecoder(1 << 20)), parts[1])
                again = Conversation(theirs, FrameDecoder(1 << 20))
                with pytest.RaisesGroup(pytest.RaisesExc(RemoteProtocolError, match="is over")):
                    await keep_replicas(worker, again, hello)
        assert store.replicas.held == (parts[0],)
    owner.close()


async def test_what_a_full_disk_did_not_take_is_left_when_the_owner_connects_again(
    tmp_path: Path,
) -> None:
    """It is sent again. Else each connection would leave megabytes here, as long as that lasts."""
    owner = store_at(tmp_path / "owner.db")
    write_part(owner, 1, b"x" * (1 << 20))
    head, chunks = own_part(owner, PartWanted(part_at(1)), ())
    part = attrs.evolve(part_at(1), owner="beta")
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        worker, store = lone.worker, lone.worker.checkpoints
        record = worker.node.record
        assert record is not None
        assert store is not None
        copies = Copies(record, Holder("alpha", ("alpha", "beta")), None)
        worker.node.machines.copies = copies
        copies.take(RoundWritten(store.round), 0.0)
        hello = ReplicaHello(record.cluster_id, 1, "beta", Incarnation(1, "n"), store.round)
        await halt(lone)
        [(pages,)] = store.connection.execute("PRAGMA page_count")
        store.connection.execute(f"PRAGMA max_page_count = {pages}")
        tasks = len(worker.nursery.child_tasks)
        async with (
            data_channels() as (ours, theirs),
            data_channels() as (_, anew),
            trio.open_nursery() as nursery,
        ):
            held = Conversation(theirs, FrameDecoder(1 << 20))
            nursery.start_soon(keep_replicas, worker, held, hello)
            conversation = Conversation(ours, FrameDecoder(1 << 20))
            await send_part(conversation, replace(head, part=part), chunks, allowance=Allowance())
            await lone.until(lambda: worker.disk_problem)
            nursery.start_soon(
                keep_replicas, worker, Conversation(anew, FrameDecoder(1 << 20)), hello
            )
            await lone.until(lambda: len(worker.nursery.child_tasks) == tasks)
            assert worker.disk_problem == ""
            nursery.cancel_scope.cancel()
    owner.close()
