"""The first message of a data connection comes in time, or the connection is none."""

import pytest
import trio
from support.wires import data_channels

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages.replicas import TransferHello
from wallarood.runtime.peers.greeting import HELLO_DEADLINE_S, greeted
from wallarood.wire.frames import encode_frame
from wallarood.wire.peer import Alive, LinkHello, encode_peer
from wallarood.wire.transfer import encode_transfer

LIFE = Incarnation(1, "n")
LINK = LinkHello("wc", "beta", LIFE, 1)
TRANSFER = TransferHello("wc", 1, "beta", LIFE)


async def test_each_kind_of_hello_is_known_and_what_follows_it_is_kept() -> None:
    for hello, data in ((LINK, encode_peer(LINK)), (TRANSFER, encode_transfer(TRANSFER))):
        async with data_channels() as (ours, theirs):
            after = encode_peer(Alive())
            await ours.send_all(encode_frame(data) + encode_frame(after))
            came = await greeted(theirs, frame_bytes_max=1 << 16)
            assert (came.first, came.rest) == (hello, [after])


async def test_who_closes_or_says_nothing_is_no_peer(autojump_clock: trio.abc.Clock) -> None:
    async with data_channels() as (ours, theirs):
        with pytest.raises(trio.TooSlowError):
            await greeted(theirs, frame_bytes_max=1 << 16)
        assert trio.current_time() >= HELLO_DEADLINE_S
        await ours.stream.send_eof()
        with pytest.raises(RemoteProtocolError, match="closed before its hello"):
            await greeted(theirs, frame_bytes_max=1 << 16)
