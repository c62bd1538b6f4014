"""The control connections of this worker: the one way in and the one way out for messages.

Theory of operation
===================
Every connection, dialled or accepted, gets a number that is never used again. What happens on it
becomes an event for the driver: opened, a message, lost. A message that names another cluster,
epoch or round than ours is dropped here and nowhere else, unless it opens a conversation: such a
message is answered by the machine that thinks about formation. No exception of a connection leaves
its task.
"""

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import structlog
import trio

from wallarood.control.events import ConnectionLost, ConnectionOpened, Received
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address, ClusterId
from wallarood.model.messages import (
    Attach,
    Busy,
    Committed,
    ControlMessage,
    Envelope,
    Inquiry,
    Join,
    Never,
    Refused,
)
from wallarood.runtime.ports import ControlChannel
from wallarood.wire.control import decode, encode

log = structlog.get_logger(__name__)

OPENING = (Join, Inquiry, Attach, Refused, Busy, Never, Committed)
"""Messages that may come from outside the cluster."""


@attrs.frozen
class Stamp:
    """What every message carries of its sender's cluster."""

    cluster_id: ClusterId = ""
    epoch: int = 0
    round: int = 0


@attrs.define(eq=False)
class _Connection:
    channel: ControlChannel
    sequence_out: int = 0
    sequence_in: int = 0


@attrs.define(eq=False)
class ControlConnections:
    """All control connections by number. `stamp` is read for each message."""

    events: trio.MemorySendChannel[Any]
    stamp: Callable[[], Stamp]
    _open: dict[int, _Connection] = attrs.field(factory=dict, init=False)
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count, init=False)

    async def handle(self, channel: ControlChannel, dialled: Address | None = None) -> None:
        """Read *channel* until it ends; `dialled` is the address if it was us who called."""
        number = next(self._numbers)
        connection = self._open[number] = _Connection(channel)
        try:
            await self.events.send(ConnectionOpened(number, channel.peer, dialled))
            await self._read(number, connection)
        except trio.EndOfChannel:
            log.debug("control channel closed", peer=channel.peer)
        except RemoteProtocolError as error:
            log.warning("control channel dropped", peer=channel.peer, reason=str(error))
        finally:
            del self._open[number]
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await channel.aclose()
                await self.events.send(ConnectionLost(number))

    async def _read(self, number: int, connection: _Connection) -> None:
        while True:
            envelope = decode(await connection.channel.receive())
            if envelope.sequence != connection.sequence_in:
                raise RemoteProtocolError(
                    f"message {envelope.sequence} came where {connection.sequence_in} was due"
                )
            connection.sequence_in += 1
            if self._is_stale(envelope):
                log.debug("stale message dropped", peer=connection.channel.peer, stamp=envelope)
                continue
            await self.events.send(Received(number, envelope.message))

    def _is_stale(self, envelope: Envelope) -> bool:
        if isinstance(envelope.message, OPENING):
            return False
        ours = self.stamp()
        if not ours.cluster_id or not envelope.cluster_id:
            return False
        theirs = (envelope.cluster_id, envelope.epoch, envelope.round)
        return theirs != (ours.cluster_id, ours.epoch, ours.round)

    def send(self, number: int, message: ControlMessage) -> None:
        """Queue *message* on a connection; one that is gone takes it silently."""
        connection = self._open.get(number)
        if connection is None:
            return
        stamp = self.stamp()
        envelope = Envelope(
            stamp.cluster_id, stamp.epoch, stamp.round, connection.sequence_out, message
        )
        connection.sequence_out += 1
        connection.channel.send(encode(envelope))
