"""A sink that writes to a topic of Apache Kafka, exactly once, by transactions."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs
import structlog

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.kafka.broker import Broker
from wallarood.connectors.kafka.encode import MESSAGE_BYTES_MAX, MessageEncoder
from wallarood.connectors.kafka.target import KafkaTarget
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.values import ValueFormat, codec_in, encoder_of
from wallarood.model.errors import ApplicationError

MARKER_TOPIC = "wallarood-markers"

log = structlog.get_logger(__name__)


@attrs.frozen(init=False)
class KafkaSink:
    """Produces to a topic of Apache Kafka, a transaction for each checkpoint or part of one.

    *servers* is HOST:PORT of brokers, with commas between. Needs ``pip install
    'wallarood[kafka]'``. A record becomes the value: `format` is "json" (default), "text"
    (``str(record)``), "bytes" or "msgpack". `key` makes the key of a record, str or bytes, or None;
    messages with the same key go to the same partition, which is that of Kafka's own clients
    (murmur2), in order. A record that is a `KafkaMessage` brings key, headers and time with it; a
    value of None is a tombstone. `settings` and `secrets` as in `KafkaSource`.

    Guarantee: exactly once, for readers with ``isolation.level=read_committed``. Each transaction
    also has a marker, in the compacted topic *marker_topic*, which is made if it is not there and
    must not be deleted. Committed records wait on disk for a server that is away, up to
    *spool_bytes_max* (default 1 GiB for each instance); then sources pause. What is committed is
    visible after the next transaction: a checkpoint interval later than it was made.

    >>> import wallarood as w
    >>> sink = w.KafkaSink("localhost:9092", "counts", key=lambda pair: pair[0])
    """

    for_heirs: ClassVar[bool] = True

    broker: Broker
    topic: str
    format: ValueFormat
    key: Callable[[Any], str | bytes | None] | None
    marker_topic: str
    spool_bytes_max: int

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        format: ValueFormat = "json",
        key: Callable[[Any], str | bytes | None] | None = None,
        settings: Mapping[str, str | int | float | bool] | None = None,
        secrets: Mapping[str, str] | None = None,
        marker_topic: str = MARKER_TOPIC,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        broker = Broker(servers, dict(settings or {}), dict(secrets or {}))
        broker.check("KafkaSink")
        if not topic or not isinstance(topic, str) or topic == marker_topic:
            raise ApplicationError(f"KafkaSink: topic={topic!r}: expected the name of a topic")
        if key is not None and not callable(key):
            raise ApplicationError(f"KafkaSink: key={key!r:.100}: expected a function of a record")
        codec_in("KafkaSink", format)
        self.__attrs_init__(broker, topic, format, key, marker_topic, spool_bytes_max)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to send."""
        return await self._spooled(context.step).open(context, state)

    def _spooled(self, step: str) -> SpooledSink:
        values = encoder_of("KafkaSink", self.format, step)
        limit = int(self.broker.settings.get("message.max.bytes", MESSAGE_BYTES_MAX))
        encode = MessageEncoder(values, self.key, step, limit)

        def connect(writer: str) -> KafkaTarget:
            return KafkaTarget(self.broker, self.topic, self.marker_topic, writer, encode)

        return SpooledSink(connect, server=str(self.broker), spool_bytes_max=self.spool_bytes_max)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or the topic cannot be used. Changes nothing there."""
        await self._spooled("").check_connected()
