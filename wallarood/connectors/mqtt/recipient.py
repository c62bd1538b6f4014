"""What an MQTT sink sends: messages of QoS 1, until the broker has acknowledged each."""
# Theory of operation
# ===================
# The broker keeps no marker that could be read. A message that is not known to be acknowledged is
# published again, with the same "message-id", by which a subscriber can tell. A connection lasts as
# long as the records of a chunk need it: so nothing of it outlives a failure.

from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import uuid4

import attrs
import trio

from wallarood.connectors.mqtt.broker import Broker, library
from wallarood.connectors.mqtt.session import Session, Wanted, session
from wallarood.connectors.spool.target import Marker
from wallarood.model.errors import ServerAwayError

ID_PROPERTY = "message-id"
ANSWER_S = 30.0

Properties: TypeAlias = tuple[tuple[str, str], ...]
Kept: TypeAlias = tuple[str, bytes, bool, Properties]
"""Topic, payload, whether it is to be retained, user properties."""


@attrs.define(eq=False)
class MqttRecipient:
    """See `Recipient`."""

    broker: Broker
    writer: str
    messages: Callable[[list[Any]], list[Kept]]
    _given: Marker = attrs.field(factory=Marker, init=False)
    """What was acknowledged to this process, with all before it."""

    def encode(self, records: list[Any]) -> list[Any]:
        """See `Recipient.encode`."""
        return self.messages(records)

    async def give(self, records: list[Kept], last: Marker) -> None:
        """See `Recipient.give`. Raises ConfigurationError or ServerAwayError."""
        first = last.last - len(records) + 1
        numbered = [
            (Marker(last.line, number), each)
            for number, each in enumerate(records, first)
            if Marker(last.line, number) > self._given
        ]
        if not numbered:
            return
        window = Window(self.broker)
        try:
            async with session(self.broker, self._wanted) as opened:
                await self._publish(opened, numbered, window)
        except ServerAwayError as error:
            raise window.fault or error from None  # some end the connection after a refusal

    @property
    def _wanted(self) -> Wanted:
        return Wanted(f"wallarood-{uuid4().hex[:12]}")

    async def _publish(
        self, opened: Session, numbered: list[tuple[Marker, Kept]], window: "Window"
    ) -> None:
        window.inflight_max = opened.inflight_max
        for marker, each in numbered:
            await window.room()
            topic, payload, retain, properties = each
            opened.publish(
                topic,
                payload,
                answered=window.sent(topic),
                retain=retain,
                properties=self._properties(marker, properties),
            )
            self._given = max(self._given, self._settled(numbered, window))
        while window.settled < len(numbered):
            await window.wait()
            self._given = max(self._given, self._settled(numbered, window))

    def _settled(self, numbered: list[tuple[Marker, Kept]], window: "Window") -> Marker:
        return numbered[window.settled - 1][0] if window.settled else Marker()

    def _properties(self, marker: Marker, given: Properties) -> Any:
        line = f"-line-{marker.line}" if marker.line else ""
        name = f"{self.writer}{line}-{marker.last}"
        found = library("properties").Properties(library("packettypes").PacketTypes.PUBLISH)
        found.UserProperty = [*given, (ID_PROPERTY, name)]
        return found

    async def check(self) -> None:
        """See `Recipient.check`."""
        async with session(self.broker, self._wanted):
            pass

    async def aclose(self) -> None:
        """See `Recipient.aclose`."""


@attrs.define(eq=False)
class Window:
    """Which messages are on their way. `settled` counts those from the first on that are not."""

    broker: Broker
    inflight_max: int = 1
    fault: Exception | None = attrs.field(default=None, init=False)
    """What the broker has refused."""
    settled: int = attrs.field(default=0, init=False)
    _done: list[bool] = attrs.field(factory=list, init=False)
    _changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def sent(self, topic: str) -> Callable[[Any], None]:
        """Another message is sent; what is called with its acknowledgement."""
        number = len(self._done)
        self._done.append(False)

        def answered(reason: Any) -> None:
            if reason.is_failure:
                self.fault = self.broker.refused(reason, f"publishing to {topic}")
            else:
                self._done[number] = True
                while self.settled < len(self._done) and self._done[self.settled]:
                    self.settled += 1
            self._changed.unpark_all()

        return answered

    async def room(self) -> None:
        """Wait until another may be sent. Raises as `wait`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while self.fault is not None or len(self._done) - self.settled >= self.inflight_max:
            await self.wait()

    async def wait(self) -> None:
        """Wait for an acknowledgement.

        Raises ConfigurationError or ServerAwayError: the broker refuses one, or sends none.
        """
        if self.fault is not None:
            raise self.fault
        with trio.move_on_after(ANSWER_S) as scope:
            await self._changed.park()
        if scope.cancelled_caught:
            raise ServerAwayError(f"{self.broker} has acknowledged nothing for {ANSWER_S:.0f} s")
        if self.fault is not None:
            raise self.fault
