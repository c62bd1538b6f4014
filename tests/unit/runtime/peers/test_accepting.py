"""What a data connection is for is said by its first message, and each kind finds its place."""

from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from support.lone import Lone, endless, lone_worker
from support.wires import data_channels, ended_with

from wallarood.model.change import PartName
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages.replicas import (
    Chunk,
    PartHead,
    PartRefused,
    PartWanted,
    ReplicaHello,
    TransferHello,
)
from wallarood.runtime.peers.accepting import accept_data
from wallarood.runtime.peers.parts import Conversation
from wallarood.runtime.peers.transfer import fetch_part
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import LinkHello, LinkRefused, decode_peer, encode_peer

BETA = Incarnation(1, "beta")


def hello_to(lone: Lone) -> TransferHello:
    record = lone.worker.node.record
    assert record is not None
    return TransferHello(record.cluster_id, 1, "beta", BETA)


async def fetched(
    lone: Lone, hello: TransferHello, certified: str | None = None
) -> PartHead | PartRefused:
    async def take(_: PartHead, chunks: list[Chunk]) -> None:
        assert chunks == []
        await trio.lowlevel.checkpoint()

    async with data_channels(certified) as (ours, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(accept_data, lone.worker, theirs)
        return await fetch_part(
            ended_with(ours),
            hello,
            PartWanted(PartName(1, "alpha", 0, 0)),
            take=take,
            frame_bytes_max=1 << 20,
        )
    raise AssertionError


async def test_a_part_can_be_had_also_while_no_round_runs(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        assert lone.worker.round is not None
        lone.worker.round.scope.cancel()
        await lone.worker.round.ended.wait()
        head = await fetched(lone, hello_to(lone))
        assert isinstance(head, PartHead)
        assert (head.manifest["number"], head.chunks) == (0, 0)


async def test_a_stranger_gets_no_part(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        hello = hello_to(lone)
        for stranger, certified in (
            (replace(hello, cluster_id="wc-2"), None),
            (hello, "gamma"),
        ):
            with pytest.RaisesGroup(RemoteProtocolError, flatten_subgroups=True):
                await fetched(lone, stranger, certified)


async def test_a_link_finds_its_round_or_is_told_that_there_is_none(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        for says in ("does not know beta", "no round runs here yet"):
            async with data_channels() as (ours, theirs):
                await ours.send_all(encode_frame(encode_peer(LinkHello("wc", "beta", BETA, 1))))
                await accept_data(lone.worker, theirs)
                (answer,) = FrameDecoder(1 << 20).feed(await ours.receive_some(1 << 16))
                refused = decode_peer(answer)
                assert isinstance(refused, LinkRefused)
                assert says in refused.reason
            assert lone.worker.round is not None
            lone.worker.round.scope.cancel()
            await lone.worker.round.ended.wait()


async def test_who_keeps_no_replicas_says_so(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone, data_channels() as (ours, theirs):
        await Conversation(ours, FrameDecoder(1 << 20)).say(ReplicaHello("wc", 1, "beta", BETA, 1))
        with pytest.raises(RemoteProtocolError, match="no replicas of beta are kept here"):
            await accept_data(lone.worker, theirs)
