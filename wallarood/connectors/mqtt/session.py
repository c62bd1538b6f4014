"""A connection to a broker: the client library, which knows no event loop, driven by Trio."""
# Theory of operation
# ===================
# paho-mqtt parses and packs; it is called when its socket can be read or written, and once a
# second. Only the first connection, with the handshake of TLS, blocks: it is made in a thread, and
# the library's callbacks are set after it, so that all of them come from Trio's.

import contextlib
import os
import select
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import trio

from wallarood.connectors.mqtt.broker import Broker, library
from wallarood.model.errors import ConfigurationError, ServerAwayError, first_error

ANSWER_S = 15.0
CONNECT_S = 10.0
KEEPALIVE_S = 30
MISC_S = 1.0
GOODBYE_S = 1.0
RECEIVE_BYTES = 64 << 10
PACKETS_MAX = 256
"""So many are read before others have their turn."""
INFLIGHT_MAX = 256

OnMessage = Callable[[Any], None]
Room = Callable[[], Awaitable[None]]
"""Waits until more may be read."""


@attrs.frozen
class Wanted:
    """What a connection should be. With `clean` no session is kept or taken up."""

    client_id: str
    clean: bool = True
    expiry_s: int = 0
    receive_max: int = 65_535
    packet_bytes_max: int = 0


@attrs.define(eq=False)
class Session:
    """A connection that is open. `present` is whether the broker had the session."""

    broker: Broker
    client: Any
    present: bool = False
    properties: Any = None
    inflight_max: int = INFLIGHT_MAX
    """How many messages may be sent and not be acknowledged."""
    _connected: trio.Event = attrs.field(factory=trio.Event, init=False)
    _refused: Any = attrs.field(default=None, init=False)
    _writes: trio.Event = attrs.field(factory=trio.Event, init=False)
    _answers: dict[int, Callable[[Any], None]] = attrs.field(factory=dict, init=False)
    """What is to be done when the broker answers a packet, by its ID."""
    _left: Any = attrs.field(default=None, init=False)
    """Why the broker has ended it."""

    def _set_callbacks(self, on_message: OnMessage | None) -> None:
        client = self.client

        def connected(*given: Any) -> None:
            _, _, flags, reason, properties = given
            self.present, self.properties = bool(flags.session_present), properties
            self._refused = reason if reason.is_failure else None
            self._connected.set()

        def disconnected(*given: Any) -> None:
            _, _, flags, reason, _ = given
            if flags.is_disconnect_packet_from_server:
                self._left = reason

        def answered(*given: Any) -> None:
            _, _, mid, reason, _ = given
            if (answer := self._answers.pop(mid, None)) is not None:
                answer(reason)

        def wants_to_write(*_: Any) -> None:
            self._writes.set()

        def received(_c: Any, _u: Any, message: Any) -> None:
            if on_message is not None:
                on_message(message)

        def closing(_c: Any, _u: Any, used: Any) -> None:
            trio.lowlevel.notify_closing(used)

        client.on_connect, client.on_disconnect = connected, disconnected
        client.on_publish, client.on_subscribe = answered, answered
        client.on_message = received
        client.on_socket_register_write, client.on_socket_close = wants_to_write, closing

    async def _read(self, room: Room) -> None:
        while (used := self.client.socket()) is not None:
            await room()
            if not _has_buffered(used):
                await trio.lowlevel.wait_readable(used)
            poll = select.poll()
            poll.register(used, select.POLLIN)
            for _ in range(PACKETS_MAX):
                if self.client.loop_read() != 0:
                    raise self._lost()
                if self.client.socket() is None or not (_has_buffered(used) or poll.poll(0)):
                    break
        raise self._lost()

    async def _write(self) -> None:
        while True:
            await self._writes.wait()
            self._writes = trio.Event()
            while self.client.want_write():
                if (used := self.client.socket()) is None:
                    raise self._lost()
                await trio.lowlevel.wait_writable(used)
                if self.client.loop_write() != 0:
                    raise self._lost()

    async def _look_after(self) -> None:
        while True:
            await trio.sleep(MISC_S)
            if self.client.loop_misc() != 0:
                raise self._lost()

    def _lost(self) -> ServerAwayError | ConfigurationError:
        if self._refused is not None:
            return self.broker.refused(self._refused, "connecting")
        why = "" if self._left is None else f": {self._left}"
        return ServerAwayError(f"{self.broker} has closed the connection{why}")

    async def _begin(self) -> None:
        with trio.move_on_after(ANSWER_S) as scope:
            await self._connected.wait()
        if scope.cancelled_caught:
            raise ServerAwayError(f"{self.broker} does not answer within {ANSWER_S:.0f} s")
        if self._refused is not None:
            raise self._lost()
        most = getattr(self.properties, "ReceiveMaximum", INFLIGHT_MAX)
        self.inflight_max = min(INFLIGHT_MAX, most)

    async def subscribe(self, topic: str, options: Any) -> None:
        """Subscribe. Raises ConfigurationError or ServerAwayError: it is refused."""
        found: list[Any] = []
        done = trio.Event()

        def answered(reasons: Any) -> None:
            found.extend(reasons)
            done.set()

        _, number = self.client.subscribe(topic, options=options)
        self._answers[number] = answered
        with trio.move_on_after(ANSWER_S) as scope:
            await done.wait()
        if scope.cancelled_caught:
            raise ServerAwayError(f"{self.broker} does not answer within {ANSWER_S:.0f} s")
        for reason in found:
            if reason.is_failure:
                raise self.broker.refused(reason, f"subscribing to {topic}")

    def publish(
        self, topic: str, payload: bytes, *, answered: Callable[[Any], None], **options: Any
    ) -> None:
        """Send a message; *answered* is called with the reason code of its acknowledgement.

        Raises ServerAwayError: the connection is lost.
        """
        info = self.client.publish(topic, payload, qos=1, **options)
        if info.rc != 0:
            raise self._lost()
        self._answers[info.mid] = answered

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that a message is kept."""
        self.client.ack(mid, 1)


def _has_buffered(used: socket.socket) -> bool:
    """Whether TLS has taken bytes from the socket that were not read yet."""
    return isinstance(used, ssl.SSLSocket) and used.pending() > 0


@contextlib.asynccontextmanager
async def session(
    broker: Broker,
    wanted: Wanted,
    on_message: OnMessage | None = None,
    *,
    room: Room = trio.lowlevel.checkpoint,
) -> AsyncIterator[Session]:
    """A connection. Raises ConfigurationError or ServerAwayError: it cannot be had, or is lost."""
    client = broker.client(wanted.client_id)
    client.connect_timeout = CONNECT_S
    client.max_inflight_messages_set(0)  # whoever publishes heeds `inflight_max`
    properties = library("properties").Properties(library("packettypes").PacketTypes.CONNECT)
    properties.SessionExpiryInterval = wanted.expiry_s
    properties.ReceiveMaximum = wanted.receive_max
    if wanted.packet_bytes_max:
        properties.MaximumPacketSize = wanted.packet_bytes_max
    connect = partial(
        client.connect,
        broker.host,
        broker.port,
        KEEPALIVE_S,
        clean_start=wanted.clean,
        properties=properties,
    )
    try:
        await trio.to_thread.run_sync(connect)
    except (OSError, ValueError) as error:  # ValueError: a certificate, or a name, that is none
        raise broker.unreached(error) from None
    opened = Session(broker, client)
    opened._set_callbacks(on_message)
    if client.want_write():
        opened._writes.set()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened._read, room)
            for task in (opened._write, opened._look_after):
                nursery.start_soon(task)
            await opened._begin()
            yield opened
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        _, rest = group.split((ConfigurationError, ServerAwayError, OSError))
        if rest is not None:
            raise
        cause = first_error(group)
        raise (broker.unreached(cause) if isinstance(cause, OSError) else cause) from None
    finally:
        await _close(client)


async def _close(client: Any) -> None:
    """Say goodbye, and wait a moment until the broker has closed the connection.

    Else whoever takes the session up next could be quicker than the acknowledgements sent here.
    """
    if (used := client.socket()) is None:
        return
    with trio.socket.from_stdlib_socket(socket.socket(fileno=os.dup(used.fileno()))) as copy:
        client.disconnect()
        client.loop_write()  # the library closes its socket when that is sent
        if (used := client.socket()) is not None:
            trio.lowlevel.notify_closing(used)
            used.close()
            return
        with trio.move_on_after(GOODBYE_S, shield=True), contextlib.suppress(OSError):
            while await copy.recv(RECEIVE_BYTES):
                pass
