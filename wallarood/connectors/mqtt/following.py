"""Following the topics of a broker: keeping what comes, and acknowledging what is kept."""
# Theory of operation
# ===================
# The broker keeps a session for the client, and sends what is not acknowledged again. A message is
# acknowledged when the journal has it. While the journal is full nothing is, and the broker stops
# when as many are on their way as it was told it may have: reading goes on, so that the connection
# is not taken for dead.

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import msgspec
import structlog
import trio
from xxhash import xxh3_64_intdigest

from wallarood.app.connector import Unreadable
from wallarood.connectors.journal.handed import Handed
from wallarood.connectors.journal.intake import Intake
from wallarood.connectors.journal.replay import Taken
from wallarood.connectors.live.connected import keep_connected
from wallarood.connectors.live.form import ValueForm
from wallarood.connectors.mqtt.broker import Broker, library
from wallarood.connectors.mqtt.message import MqttMessage
from wallarood.connectors.mqtt.session import Session, Wanted, session

RECEIVE_MAX = 1000
UNCONFIRMED_MAX = 10_000
"""Of messages of QoS 0, which the broker sends whatever is on its way: more are dropped."""
CAME_BYTES_MAX = 64 << 20
"""Of payloads that wait for the journal."""
OVERHEAD_BYTES = 128 << 10
HASH_MASK = (1 << 63) - 1

log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the journal."""

    time: int
    payload: bytes
    topic: str = ""
    retain: bool = False
    properties: tuple[tuple[str, str], ...] = ()


_decoder = msgspec.msgpack.Decoder(_Kept)


@attrs.frozen
class Subscription:
    """What is subscribed to, and how."""

    topics: tuple[str, ...]
    client_id: str
    expiry_s: int
    retained: bool
    id_property: str | None
    message_bytes_max: int

    @property
    def wanted(self) -> Wanted:
        """The connection for it."""
        return Wanted(
            self.client_id,
            clean=False,
            expiry_s=self.expiry_s,
            receive_max=RECEIVE_MAX,
            packet_bytes_max=self.message_bytes_max + OVERHEAD_BYTES,
        )

    async def make(self, to: Session) -> None:
        """Subscribe; what was subscribed to stays so. Raises as `Session.subscribe`."""
        kind = library("subscribeoptions").SubscribeOptions
        handling = kind.RETAIN_SEND_IF_NEW_SUB if self.retained else kind.RETAIN_DO_NOT_SEND
        options = kind(qos=1, retainAsPublished=True, retainHandling=handling)
        for topic in self.topics:
            await to.subscribe(topic, options)


@attrs.define(eq=False)
class Topics:
    """Follows topics."""

    broker: Broker
    subscription: Subscription
    form: ValueForm
    messages: bool
    _was_here: bool = attrs.field(default=False, init=False)
    """Whether the broker should have a session."""
    _came: deque[tuple[Any, int]] = attrs.field(factory=deque, init=False)
    _came_bytes: int = attrs.field(default=0, init=False)
    _more: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)
    _arriving: dict[str, int] = attrs.field(factory=dict, init=False)
    """Names of messages that are not durable yet, and what tells their payloads."""
    _dropped: int = attrs.field(default=0, init=False)

    def again(self, payload: bytes) -> Taken:
        """What an entry of the journal is."""
        return self._taken(_decoder.decode(payload))

    def _taken(self, kept: _Kept) -> Taken:
        value = self.form.value(kept.payload)
        if self.messages and not isinstance(value, Unreadable):
            value = MqttMessage(value, kept.topic, kept.retain, kept.properties, kept.time)
        return value, kept.time

    async def follow(self, intake: Intake) -> None:
        """Follow until cancelled. Raises ConfigurationError: the broker refuses at first."""

        async def converse(is_there: Callable[[], None]) -> None:
            await self._converse(intake, is_there)

        self._was_here = intake.journal.next > 0
        await keep_connected(intake, converse)

    def _receive(self, message: Any) -> None:
        if message.qos == 0 and len(self._came) >= UNCONFIRMED_MAX:
            self._dropped += 1
            if str(self._dropped).strip("0") == "1":  # the 1st, 10th, 100th, …
                log.warning("messages of QoS 0 dropped: the journal is full", dropped=self._dropped)
            return
        self._came.append((message, time.time_ns() // 1000))
        self._came_bytes += len(message.payload)
        self._more.unpark_all()

    async def _room(self) -> None:
        """Wait while large messages wait for the journal, whatever becomes of the connection."""
        await trio.lowlevel.checkpoint()
        while self._came_bytes > CAME_BYTES_MAX:
            await self._more.park()

    async def _converse(self, intake: Intake, is_there: Callable[[], None]) -> None:
        self._came.clear()  # what was not kept is sent again
        self._came_bytes = 0
        await intake.settled()
        wanted = self.subscription.wanted
        async with session(self.broker, wanted, self._receive, room=self._room) as opened:
            if self._was_here and not opened.present:
                log.warning(
                    "the broker has lost the session: messages that it had for this client are "
                    "lost, and those that it retains come again",
                    server=str(self.broker),
                    client_id=self.subscription.client_id,
                )
            self._was_here = True
            await self.subscription.make(opened)
            is_there()
            while True:
                while not self._came:
                    await self._more.park()
                await intake.room()
                some, self._came, self._came_bytes = self._came, deque(), 0
                self._more.unpark_all()
                for message, micros in some:
                    self._hand_in(intake, opened, message, micros=micros)

    def _hand_in(self, intake: Intake, opened: Session, message: Any, *, micros: int) -> None:
        mid = message.mid if message.qos else None

        def kept() -> None:
            self._arriving.pop(name, None)
            if mid is not None:
                opened.acknowledge(mid)

        properties = tuple(getattr(message.properties, "UserProperty", ()))
        name = self._name_of(properties)
        digest = xxh3_64_intdigest(message.payload) & HASH_MASK
        if name:
            if intake.journal.highest.get(name) == digest:
                kept()
                return
            if self._arriving.get(name) == digest:
                intake.hand_in(Handed([], [], kept))  # with the next that becomes durable
                return
            self._arriving[name] = digest
        one = _Kept(micros, bytes(message.payload))
        if self.messages:
            one = _Kept(
                micros, bytes(message.payload), message.topic, bool(message.retain), properties
            )
        entry = (name, digest, msgspec.msgpack.encode(one))
        intake.hand_in(Handed([entry], [self._taken(one)], kept))

    def _name_of(self, properties: Sequence[tuple[str, str]]) -> str:
        wanted = self.subscription.id_property
        if wanted is None:
            return ""
        return next((value for name, value in properties if name == wanted), "")
