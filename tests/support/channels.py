"""A control channel whose other end is in the hands of a test."""

import math

import attrs
import trio

from wallarood.model.messages import ControlMessage, Envelope
from wallarood.wire.control import decode, encode


@attrs.define(eq=False)
class Channel:
    """Messages come in by `comes`; what was sent is in `sent`."""

    certified: str | None = None
    peer: str = "peer:1"
    sent: list[Envelope] = attrs.field(factory=list)
    closed: bool = False
    _sequence: int = 0
    _queue: tuple[trio.MemorySendChannel[bytes], trio.MemoryReceiveChannel[bytes]] = attrs.field(
        factory=lambda: trio.open_memory_channel[bytes](math.inf)
    )

    def send(self, data: bytes) -> None:
        self.sent.append(decode(data))

    async def receive(self) -> bytes:
        return await self._queue[1].receive()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True

    def comes(
        self,
        message: ControlMessage,
        *,
        stamp: tuple[str, int, int] = ("", 0, 0),
        sequence: int | None = None,
    ) -> None:
        """The peer says something."""
        number = self._sequence if sequence is None else sequence
        self._queue[0].send_nowait(encode(Envelope(*stamp, number, message)))
        self._sequence += 1

    def ends(self) -> None:
        """The peer closes the connection."""
        self._queue[0].close()
