"""Data links of a round: only the lives that belong to it are let in, and a stranger is told."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from support.nodes import member

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address, Incarnation
from wallarood.net.tcp import DataChannel
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.peers.greeting import greeted
from wallarood.runtime.peers.links import LinkLimits, Links, refuse_data
from wallarood.wire.frames import FrameDecoder, encode_frame
from wallarood.wire.peer import Alive, LinkHello, LinkRefused, decode_peer, encode_peer

LIMITS = LinkLimits(1000, 1 << 16, 1.0, 1.0, 3.0)
BETA = LinkHello("wc-1", "beta", Incarnation(1, "beta"), 7)


@asynccontextmanager
async def nobody(_: Address) -> AsyncIterator[Any]:
    raise OSError("nobody listens")
    yield


def inbox(_: int) -> Inbox:
    raise AssertionError("nothing is sent here")


def links() -> Links:
    return Links(
        7, "wc-1", member("alpha"), {"beta": member("beta")}, nobody, LIMITS, {}, print, inbox
    )


async def accepted(by: Links, channel: DataChannel) -> None:
    await by.accept(await greeted(channel, frame_bytes_max=1 << 16))


@attrs.define
class Wire:
    """The peer's end of a connection."""

    stream: trio.SocketStream
    frames: FrameDecoder = attrs.field(factory=lambda: FrameDecoder(1 << 16))

    async def say(self, message: Any) -> None:
        await self.stream.send_all(encode_frame(encode_peer(message)))

    async def hear(self) -> Any:
        while True:
            data = await self.stream.receive_some(1 << 16)
            assert data, "closed"
            if payloads := self.frames.feed(bytes(data)):
                return decode_peer(payloads[0])


@asynccontextmanager
async def connected(certified: str | None = None) -> AsyncIterator[tuple[DataChannel, Wire]]:
    ends = socket.socketpair()
    ours, theirs = [trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in ends]
    async with ours, theirs:
        yield DataChannel(ours, "beta:1", certified), Wire(theirs)


async def test_a_member_of_this_round_is_greeted() -> None:
    async with connected() as (channel, wire), trio.open_nursery() as nursery:
        nursery.start_soon(accepted, links(), channel)
        await wire.say(BETA)
        hello = await wire.hear()
        assert isinstance(hello, LinkHello)
        assert (hello.worker, hello.round) == ("alpha", 7)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "hello",
    [
        attrs.evolve(BETA, cluster_id="wc-2"),
        LinkHello("wc-1", "beta", Incarnation(1, "beta"), 6),
        LinkHello("wc-1", "beta", Incarnation(2, "beta"), 7),
        LinkHello("wc-1", "gamma", Incarnation(1, "gamma"), 7),
    ],
    ids=["of another cluster", "of another round", "another life", "no member"],
)
async def test_who_does_not_belong_to_it_is_told_so(hello: LinkHello) -> None:
    async with connected() as (channel, wire):
        await wire.say(hello)
        await accepted(links(), channel)
        refused = await wire.hear()
        assert isinstance(refused, LinkRefused)
        assert "alpha is in round 7 and does not know" in refused.reason


async def test_a_peer_has_the_name_that_its_certificate_says() -> None:
    async with connected("gamma") as (channel, wire):
        await wire.say(BETA)
        with pytest.raises(RemoteProtocolError, match="certificate of gamma was shown by beta"):
            await accepted(links(), channel)


async def test_what_is_no_hello_ends_the_connection() -> None:
    async with connected() as (channel, wire):
        await wire.say(Alive())
        with pytest.raises(RemoteProtocolError, match="expected a hello"):
            await accepted(links(), channel)


async def test_when_the_round_is_over_nobody_is_known() -> None:
    ended = links()
    ended.end()
    async with connected() as (channel, wire):
        await wire.say(BETA)
        await accepted(ended, channel)
        assert isinstance(await wire.hear(), LinkRefused)


def test_only_the_life_that_belongs_to_the_round_moves() -> None:
    made = links()
    elsewhere = Address("10.0.0.2", 2)
    made.move(attrs.evolve(member("beta", 2), data=elsewhere))
    assert made.members["beta"] == member("beta")
    made.move(attrs.evolve(member("beta"), data=elsewhere))
    assert made.senders["beta"].address() == elsewhere


async def test_before_there_is_a_round_a_peer_is_told_to_come_again() -> None:
    async with connected() as (channel, wire):
        await refuse_data(channel, "no round runs here yet")
        refused = await wire.hear()
        assert isinstance(refused, LinkRefused)
        assert refused.reason == "no round runs here yet"
