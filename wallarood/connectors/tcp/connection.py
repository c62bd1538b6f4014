"""A connection of an exactly-once TCP sink to its receiver."""

from typing import BinaryIO

import attrs
import trio

from wallarood.connectors.framing import Hello, answer_decoder, frame, take_frames
from wallarood.model.errors import PeersGoneError
from wallarood.model.ids import Address

ANSWER_S = 30.0
SEND_BYTES = 256 << 10
RECEIVE_BYTES = 64 << 10
BROKEN = (OSError, ValueError, trio.BrokenResourceError, trio.TooSlowError)
"""What a connection that is no good any more raises; ValueError: the receiver talks nonsense."""


@attrs.define(eq=False)
class Connection:
    """A connection to a receiver, which has acknowledged up to `acknowledged` of `client`."""

    stream: trio.SocketStream
    client: str
    acknowledged: int = 0
    _buffer: bytearray = attrs.field(factory=bytearray)

    async def send(self, file: BinaryIO, last: int) -> None:
        """Send the rest of *file* and wait until *last* is acknowledged.

        Raises what `listen` raises. Errors are carried out of the nursery by hand, for in a group
        they could not be told from those of a job that is being ended.
        """
        sent = False
        reason: Exception | None = None
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                nonlocal sent, reason
                try:
                    while data := await trio.to_thread.run_sync(file.read, SEND_BYTES):
                        await self.stream.send_all(data)
                    sent = True
                except trio.BrokenResourceError as error:
                    reason = error  # what the receiver has said of it is still to be read
                except OSError as error:
                    reason = error
                    nursery.cancel_scope.cancel()

            nursery.start_soon(send)
            try:
                while self.acknowledged < last:
                    await self.listen()
                nursery.cancel_scope.deadline = trio.current_time() + ANSWER_S
            except (*BROKEN, PeersGoneError) as error:
                failure = error
                nursery.cancel_scope.cancel()
        if (why := failure or reason) is not None:
            raise why
        if not sent:
            raise PeersGoneError("it acknowledged a record that was not sent")

    async def listen(self) -> None:
        """Take in what the receiver says next. Raises PeersGoneError: it refuses or is gone."""
        with trio.fail_after(ANSWER_S):
            data = await self.stream.receive_some(RECEIVE_BYTES)
        if not data:
            raise PeersGoneError("it has closed the connection")
        self._buffer += data
        for each in take_frames(self._buffer, RECEIVE_BYTES):
            answer = answer_decoder.decode(each)
            if answer.error is not None:
                raise PeersGoneError(answer.error)
            if answer.next is not None:
                self.acknowledged = answer.next - 1
            if answer.ack is not None:
                self.acknowledged = max(self.acknowledged, answer.ack)


async def connected(address: Address, hello: Hello) -> Connection:
    """Connect to a receiver and hear what it has. Raises what `Connection.listen` raises."""
    stream = await trio.open_tcp_stream(address.host, address.port)
    connection = Connection(stream, hello.client, -1)
    try:
        await stream.send_all(frame(hello))
        while connection.acknowledged < 0:
            await connection.listen()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return connection
