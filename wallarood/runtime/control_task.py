"""The control connections of this worker: the one way in and the one way out for messages.

Theory of operation
===================
Every connection, dialled or accepted, gets a number that is never used again. What happens on it
becomes an event for the driver: opened, a message, lost. A message that names another cluster,
epoch or round than ours is dropped here and nowhere else, unless it opens a conversation: such a
message is answered by the machine that thinks about founding. No exception of a connection leaves
its task.
"""

import itertools
from collections.abc import Callable

import attrs
import structlog
import trio

from wallarood.control.events import ConnectionLost, ConnectionOpened, Event, Received
from wallarood.model.errors import KeyRefusedError, RemoteProtocolError
from wallarood.model.ids import Address, ClusterId, WorkerName
from wallarood.model.messages import (
    Attach,
    Busy,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointGivenUp,
    CheckpointHeld,
    CheckpointProgress,
    Committed,
    Completed,
    ControlMessage,
    Drained,
    Envelope,
    Inquiry,
    JobFailed,
    Join,
    Never,
    Published,
    Refused,
    RequestCheckpoint,
    TakeCheckpoint,
)
from wallarood.runtime.ports import ControlChannel, DialControl
from wallarood.wire.control import decode, encode

BACKOFF_FIRST_S = 0.05

OPENING = (Join, Inquiry, Attach, Refused, Busy, Never, Committed, JobFailed)
"""Messages that may come from outside the cluster."""

OF_A_ROUND = (
    RequestCheckpoint,
    TakeCheckpoint,
    CheckpointProgress,
    CheckpointHeld,
    CheckpointFailed,
    CheckpointCommitted,
    CheckpointGivenUp,
    Drained,
    Published,
    Completed,
)
"""Messages that mean nothing in another round than the one they were said in."""

log = structlog.get_logger(__name__)


@attrs.frozen
class Stamp:
    """What every message carries of its sender's cluster."""

    cluster_id: ClusterId = ""
    epoch: int = 0
    round: int = 0


@attrs.define(eq=False)
class _Connection:
    channel: ControlChannel
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    sequence_out: int = 0
    sequence_in: int = 0


@attrs.define(eq=False)
class ControlConnections:
    """All control connections by number. `stamp` is read for each message."""

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

    async def keep_dialling(self, peer: WorkerName, address: Callable[[], Address]) -> None:
        """Keep a connection to *peer*, for ever; it is sought at what *address* says each time."""
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                async with self.dial(address()) as channel:
                    backoff_s = BACKOFF_FIRST_S
                    await self._handle(channel, peer)
            except KeyRefusedError as error:
                self.key_refused(error)
            except (OSError, trio.TooSlowError, RemoteProtocolError, *CLOSED) as error:
                reason = str(error) or type(error).__name__
                log.debug("control channel not open", peer=peer, reason=reason)
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
            if self._is_stale(envelope):
                log.debug("stale message dropped", peer=connection.channel.peer)
                continue
            await self.events.send(Received(number, envelope.message))

    def _is_stale(self, envelope: Envelope) -> bool:
        if isinstance(envelope.message, OPENING):
            return False
        ours = self.stamp()
        if not ours.cluster_id or not envelope.cluster_id:
            return False
        if (envelope.cluster_id, envelope.epoch) != (ours.cluster_id, ours.epoch):
            return True
        return isinstance(envelope.message, OF_A_ROUND) and envelope.round != ours.round

    def send(self, number: int, message: ControlMessage) -> None:
        """Queue *message* on a connection; for one that is gone it is dropped."""
        connection = self._open.get(number)
        if connection is None:
            return
        stamp = self.stamp()
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


CLOSED = (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel)
