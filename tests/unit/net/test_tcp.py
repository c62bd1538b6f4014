"""The data channel: bytes go and come without detours, whether or not there is room for them."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import memory_stream_pair

from wallarood.net.tcp import DataChannel


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[DataChannel, DataChannel]]:
    ends = [trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in socket.socketpair()]
    async with ends[0], ends[1]:
        yield DataChannel(ends[0], "alpha"), DataChannel(ends[1], "beta")


async def test_what_does_not_go_without_waiting_is_left_to_the_caller() -> None:
    async with connected() as (ours, theirs):
        data = bytes(1 << 20)
        went = ours.send_nowait(data)
        assert 0 < went < len(data)
        assert ours.send_nowait(data) == 0
        received = 0
        while received < went:
            received += len(await theirs.receive_some(1 << 20))
        assert ours.send_nowait(b"more") == 4
        assert await theirs.receive_some(100) == b"more"


async def test_a_read_waits_for_bytes_and_the_end_is_empty() -> None:
    async with connected() as (ours, theirs):
        async with trio.open_nursery() as nursery:
            heard: list[bytes] = []

            async def read() -> None:
                heard.append(await theirs.receive_some(100))

            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == []
            await ours.send_all(b"hello")
        assert heard == [b"hello"]
        await ours.aclose()
        assert await theirs.receive_some(100) == b""


async def test_a_broken_connection_is_an_error_of_the_system() -> None:
    async with connected() as (ours, theirs):
        await theirs.aclose()
        with pytest.raises(OSError, match="Broken pipe"):
            ours.send_nowait(b"hello")


async def test_what_is_no_plain_socket_is_only_sent_with_waiting() -> None:
    """As under TLS: its bytes are not those of the socket."""
    ours, theirs = memory_stream_pair()
    channel = DataChannel(ours, "alpha")  # type: ignore[arg-type]
    assert channel.send_nowait(b"hello") == 0
    await channel.send_all(b"hello")
    assert await theirs.receive_some(100) == b"hello"
    await theirs.send_all(b"answer")
    assert await channel.receive_some(3) == b"ans"
