"""The control connections of this worker: the one way in and the one way out for messages.

Theory of operation
===================
Every connection, dialled or accepted, gets a number that is never used again. What happens on it
becomes an event for the driver: opened, a message, lost. A stale message is dropped here and
nowhere else (see `wallarood.control.stale`). No exception of a connection leaves its task.
"""

import itertools
from collections.abc import Callable

import attrs
import structlog
import trio

from wallarood.control.events import ConnectionLost, ConnectionMessage, ConnectionOpened, Event
from wallarood.control.stale import Stamp, is_stale, without_stale
from wallarood.model.errors import KeyRefusedError, RemoteProtocolError
from wallarood.model.ids import Address, WorkerName
from wallarood.model.messages import Attach, Attached, ControlMessage, Envelope, Join
from wallarood.runtime.ports import ControlChannel, DialControl
from wallarood.wire.control import decode, encode

BACKOFF_FIRST_S = 0.05

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class _Connection:
    channel: ControlChannel
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    sequence_out: int = 0
    sequence_in: int = 0


@attrs.define(eq=False)
class ControlConnections:
    """All control connections by number. `stamp` is read for each message that comes in."""

    events: trio.MemorySendChannel[Event]
    dial: DialControl
    stamp: Callable[[], Stamp]
    backoff_max_s: float
    key_refused: Callable[[KeyRefusedError], None]
    _open: dict[int, _Connection] = attrs.field(factory=dict, init=False)
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count, init=False)

    async def accept(self, channel: ControlChannel) -> None:
        """Use a connection that a peer has made, until it ends."""
        await self._handle(channel, None)

    async def dial_once(self, peer: WorkerName, address: Address) -> None:
        """Use one connection to *peer* until it ends, if it can be had."""
        try:
            async with self.dial(address) as channel:
                await self._handle(channel, peer)
        except KeyRefusedError as error:
            self.key_refused(error)
        except NOT_OPEN as error:
            log.debug("control channel not open", peer=peer, reason=_reason(error))

    async def keep_dialling(self, peer: WorkerName, address: Callable[[], Address]) -> None:
        """Keep a connection to *peer*, until cancelled; *address* says each time where it is."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                async with self.dial(address()) as channel:
                    backoff_s = BACKOFF_FIRST_S
                    await self._handle(channel, peer)
            except KeyRefusedError as error:
                self.key_refused(error)
            except NOT_OPEN as error:
                log.debug("control channel not open", peer=peer, reason=_reason(error))
            await trio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, self.backoff_max_s)

    async def _handle(self, channel: ControlChannel, dialled: WorkerName | None) -> None:
        number = next(self._numbers)
        connection = self._open[number] = _Connection(channel)
        try:
            with connection.scope:
                if dialled is not None:
                    await self.events.send(ConnectionOpened(number, dialled))
                await self._read(number, connection)
        except trio.EndOfChannel:
            log.debug("control channel closed", peer=channel.peer)
        except RemoteProtocolError as error:
            log.warning("control channel dropped", peer=channel.peer, reason=str(error))
        finally:
            del self._open[number]
            with trio.CancelScope(shield=True):
                with trio.move_on_after(1):
                    await self.events.send(ConnectionLost(number))
                await channel.aclose()

    async def _read(self, number: int, connection: _Connection) -> None:
        while True:
            envelope = decode(await connection.channel.receive())
            if envelope.sequence != connection.sequence_in:
                raise RemoteProtocolError(
                    f"message {envelope.sequence} came where {connection.sequence_in} was due"
                )
            connection.sequence_in += 1
            _check_name(connection.channel.certified, envelope.message)
            stamp = self.stamp()
            if is_stale(envelope, stamp):
                log.debug("stale message dropped", peer=connection.channel.peer)
                continue
            message = without_stale(envelope, stamp)
            await self.events.send(ConnectionMessage(number, message))

    def send(self, number: int, message: ControlMessage, stamp: Stamp) -> None:
        """Queue *message* on a connection; for one that is gone it is dropped."""
        connection = self._open.get(number)
        if connection is None:
            return
        envelope = Envelope(
            stamp.cluster_id, stamp.epoch, stamp.round, connection.sequence_out, message
        )
        connection.sequence_out += 1
        connection.channel.send(encode(envelope))

    def close(self, number: int) -> None:
        """Close a connection when what was sent on it is out."""
        connection = self._open.get(number)
        if connection is not None:
            connection.scope.cancel()

    async def close_all(self) -> None:
        """Send what is queued everywhere, then close; takes at most two seconds."""
        async with trio.open_nursery() as nursery:
            for connection in list(self._open.values()):
                nursery.start_soon(connection.channel.aclose)


def _check_name(certified: str | None, message: ControlMessage) -> None:
    """A peer with a certificate must have its name. Raises RemoteProtocolError."""
    if certified is None or not isinstance(message, Join | Attach | Attached):
        return
    if message.member.name != certified:
        raise RemoteProtocolError(
            f"the certificate of {certified} was shown by a worker called {message.member.name}"
        )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


CLOSED = (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel)
NOT_OPEN = (OSError, trio.TooSlowError, RemoteProtocolError, *CLOSED)
