"""A sink that publishes to topics of MQTT."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.codecs.codec import Encode
from wallarood.connectors.mqtt.broker import Broker
from wallarood.connectors.mqtt.message import MqttMessage
from wallarood.connectors.mqtt.recipient import Kept, MqttRecipient
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.here import NotedHere
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.values import ValueFormat, codec_in, encoder_of
from wallarood.model.errors import ApplicationError

Topic: TypeAlias = str | Callable[[Any], str]
TOPIC_BYTES_MAX = 65_535


@attrs.frozen
class MessageEncoder:
    """Records as messages, for *step*."""

    values: Encode
    topic: Topic
    retain: bool
    step: str

    def __call__(self, records: list[Any]) -> list[Kept]:
        """Raises ApplicationError: a record cannot be sent; it is named."""
        full = [each if isinstance(each, MqttMessage) else None for each in records]
        plain = [
            each if one is None else one.value for each, one in zip(records, full, strict=True)
        ]
        return [
            (
                self._topic_of(record, message),
                value,
                self.retain or (message is not None and message.retain),
                () if message is None else message.properties,
            )
            for record, message, value in zip(records, full, self.values(plain), strict=True)
        ]

    def _topic_of(self, record: Any, message: "MqttMessage[Any] | None") -> str:
        if isinstance(self.topic, str):
            return self.topic
        if message is not None and message.topic:
            return message.topic
        topic = self.topic(record)
        if not is_topic(topic):
            raise ApplicationError(
                f"sink {self.step!r}: topic= gave {topic!r:.100}, which is no topic: expected text "
                f"without + and #\n  record: {record!r:.200}"
            )
        return topic


def is_topic(text: Any) -> bool:
    """Whether something may be published to *text*."""
    return (
        isinstance(text, str)
        and 0 < len(text.encode("utf-8", "replace")) <= TOPIC_BYTES_MAX
        and not any(each in text for each in "+#\0")
    )


@attrs.frozen(init=False)
class MqttSink:
    """Publishes to topics of a broker that speaks MQTT 5.

    *url*, *password_file* and *ca_file* are those of `MqttSource`. *topic* is one, or a function of
    the record; a record that is an `MqttMessage` has its own topic, if *topic* is a function. With
    *retain* the broker keeps the last message of each topic. `format` is "json" (default), "text",
    "bytes" or "msgpack". Needs ``pip install 'wallarood[mqtt]'``.

    Guarantee: at least once, in order for each writer, with QoS 1: what is committed is published
    until the broker has acknowledged it. What was on its way when a connection or a worker was lost
    is published again. Each message has a user property "message-id", WRITER-NUMBER, which is the
    same each time: `MqttSource` with ``id_property="message-id"`` takes it once. While the broker
    is away, records wait in the state directory (*spool_bytes_max*, default 1 GiB for each
    instance); then sources pause.

    >>> import wallarood as w
    >>> sink = w.MqttSink("mqtt://localhost", "totals", format="json")
    """

    for_heirs: ClassVar[bool] = True

    broker: Broker
    topic: Topic
    format: ValueFormat
    retain: bool
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        topic: Topic,
        *,
        format: ValueFormat = "json",
        retain: bool = False,
        password_file: str | None = None,
        ca_file: str | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        broker = Broker(url, password_file, ca_file)
        broker.check("MqttSink")
        if not callable(topic) and not is_topic(topic):
            raise ApplicationError(
                f"MqttSink: topic={topic!r:.100}: expected text without + and #, or a function of "
                "a record"
            )
        codec_in("MqttSink", format)
        self.__attrs_init__(broker, topic, format, retain=retain, spool_bytes_max=spool_bytes_max)

    def _recipient(self, writer: str, step: str) -> MqttRecipient:
        values = encoder_of("MqttSink", self.format, step)
        encode = MessageEncoder(values, self.topic, self.retain, step)
        return MqttRecipient(self.broker, writer, encode)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to publish."""

        def connect(writer: str) -> NotedHere:
            return NotedHere(self._recipient(writer, context.step), Path(context.directory))

        spooled = SpooledSink(
            connect, server=str(self.broker), spool_bytes_max=self.spool_bytes_max
        )
        return await spooled.open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the broker cannot be used. Changes nothing there."""
        await self._recipient("wallarood-check", "").check()
