"""The first message of a data connection, which says what it is for."""

from typing import TypeAlias

import attrs
import trio

from wallarood.model.errors import RemoteProtocolError
from wallarood.model.messages.replicas import TransferMessage
from wallarood.runtime.ports import DataChannel
from wallarood.wire.frames import FrameDecoder
from wallarood.wire.peer import PeerMessage, decode_peer
from wallarood.wire.transfer import decode_transfer, opens_transfer

HELLO_DEADLINE_S = 5.0
RECEIVE_BYTES_MAX = 256 << 10

FirstMessage: TypeAlias = PeerMessage | TransferMessage


@attrs.frozen(eq=False)
class Greeted:
    """A data connection whose first message has come; *rest* are payloads that came with it."""

    channel: DataChannel
    first: FirstMessage
    frames: FrameDecoder
    rest: list[bytes]


async def greeted(channel: DataChannel, *, frame_bytes_max: int) -> Greeted:
    """Wait for the first message on *channel*.

    Raises RemoteProtocolError: there is none, or it is malformed. Raises trio.TooSlowError.
    """
    frames = FrameDecoder(frame_bytes_max)
    with trio.fail_after(HELLO_DEADLINE_S):
        while data := await channel.receive_some(RECEIVE_BYTES_MAX):
            if payloads := frames.feed(data):
                first = payloads[0]
                decode = decode_transfer if opens_transfer(first) else decode_peer
                return Greeted(channel, decode(first), frames, payloads[1:])
    raise RemoteProtocolError("closed before its hello")
