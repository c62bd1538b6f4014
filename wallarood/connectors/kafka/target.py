"""Kafka as a target of `SpooledSink`: a transaction of records and a marker."""
# Theory of operation
# ===================
# A writer has a transactional ID of its own. `init_transactions` fences every earlier process with
# that ID and ends what it has under way, so what is read afterwards changes by nobody else; and who
# is fenced later gets nothing in. The marker is a message of a compacted topic, produced in the
# same transaction as the records. It is read by a reader of committed messages, who sees nothing
# behind the first open transaction, of any writer: so it must have come as far as the topic went
# when all of ours was ended, however long that takes, or it would take an older marker for ours.

import contextlib
import time
from collections.abc import Iterable
from typing import Any

import attrs
import msgspec
import trio

from wallarood.connectors.kafka.broker import Broker, Trouble, kafka
from wallarood.connectors.kafka.encode import Kept, MessageEncoder
from wallarood.connectors.kafka.topics import Topics
from wallarood.connectors.spool.blocks import ChunkSize, Pairs
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError, PeersGoneError

MARKER_CONFIG = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": "600000",
    "segment.bytes": str(16 << 20),
}
CHUNK_SIZE = ChunkSize(50_000, 4 << 20)
"""Of a transaction, which costs several answers of the server, however much is in it."""
TRANSACTION_S = 60.0
"""After which time a server ends a transaction by itself: librdkafka's transaction.timeout.ms."""
ANSWER_S = 20.0
"""How long to wait for a step of a transaction before it is begun again."""
AT_ONCE_S = 1.0
"""The same if it was waited for already."""
FENCED = ("_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH")


@attrs.define(eq=False)
class KafkaTarget:
    """See `wallarood.Target`."""

    broker: Broker
    topic: str
    marker_topic: str
    writer: str
    encode: MessageEncoder
    chunk_size: ChunkSize = attrs.field(default=CHUNK_SIZE, init=False)
    topics: Topics = attrs.field(init=False)
    _producers: list[Any] = attrs.field(factory=list, init=False)
    """The one that is open, if any: a list, so that a thread can free it, which may take long."""

    @topics.default
    def _topics(self) -> Topics:
        return Topics(self.broker)

    async def check(self) -> None:
        """See `wallarood.Target`."""
        await trio.to_thread.run_sync(self._check, abandon_on_cancel=True)

    def _check(self) -> None:
        self.topics.listed([self.topic])
        try:
            self.topics.listed([self.marker_topic])
        except ConfigurationError:
            return  # it is made when it is needed
        self.topics.check_compacted(self.marker_topic)

    async def marker(self) -> Marker:
        """See `wallarood.Target`."""
        await self._drop()
        producers = self._producers = []
        return await trio.to_thread.run_sync(self._begin, producers, abandon_on_cancel=True)

    def _begin(self, producers: list[Any]) -> Marker:
        try:
            return self._begun(producers)
        except BaseException:
            producers.clear()  # here: who gets the error would free it on the event loop
            raise
        finally:
            if producers is not self._producers:  # nobody waits for this any more
                producers.clear()

    def _begun(self, producers: list[Any]) -> Marker:
        self.topics.listed([self.topic])
        self.topics.make_if_missing(self.marker_topic, MARKER_CONFIG)
        self.topics.check_compacted(self.marker_topic)
        trouble = Trouble()
        settings = self.broker.client_settings(trouble, transactional_id=self.writer)
        settings.setdefault("partitioner", "murmur2_random")
        settings.setdefault("linger.ms", 5)
        producers.append(self.broker.made(kafka().Producer, settings))
        try:
            producers[0].init_transactions(ANSWER_S)
        except kafka().KafkaException as error:
            with contextlib.suppress(kafka().KafkaException):  # the same once more, if it is fatal
                producers[0].poll(0)
            raise self.broker.what(error, trouble) from error
        return self._read()

    def _read(self) -> Marker:
        """The last marker of the writer that is committed."""
        client = kafka()
        end, trouble = self.topics.end_of(self.marker_topic, 0), Trouble()
        consumer = self.broker.consumer(trouble, auto_offset_reset="earliest")
        consumer.assign([client.TopicPartition(self.marker_topic, 0, client.OFFSET_BEGINNING)])
        key, found = self.writer.encode("utf-8"), Marker()
        until = time.monotonic() + TRANSACTION_S + ANSWER_S
        try:
            while True:
                for message in consumer.consume(2048, 0.2):
                    error = message.error()
                    if error is None:
                        if message.key() == key:
                            found = msgspec.json.decode(message.value(), type=Marker)
                    elif error.name() == "_PARTITION_EOF":
                        if message.offset() >= end:
                            return found
                    else:
                        raise self.broker.what(error, trouble)
                if time.monotonic() > until:
                    raise PeersGoneError(
                        f"{self.broker}: topic {self.marker_topic!r} cannot be read to its end: a "
                        "transaction of another writer is open"
                    )
        finally:
            consumer.close()

    async def apply(self, records: Iterable[Kept], expected: Marker, new: Marker) -> None:  # noqa: ARG002
        """See `wallarood.Target`. *expected* is there: only this producer could change it."""
        await trio.to_thread.run_sync(
            self._apply, self._producers, records, new, abandon_on_cancel=True
        )

    def _apply(self, producers: list[Any], records: Iterable[Kept], new: Marker) -> None:
        client, producer = kafka(), producers[0]
        try:
            producer.begin_transaction()
            self._produce(producer, records)
            marker = msgspec.json.encode({"line": new.line, "last": new.last})
            key = self.writer.encode("utf-8")
            producer.produce(self.marker_topic, marker, key, 0)
            producer.commit_transaction(ANSWER_S if all_taken(producer) else AT_ONCE_S)
        except client.KafkaException as error:
            if error.args[0].name() in FENCED:
                raise MarkerMovedError(
                    f"{self.broker}: another process writes as {self.writer}"
                ) from error
            raise self.broker.what(error, Trouble()) from error
        finally:
            del producer  # else the error would keep it, and free it on the event loop

    def _produce(self, producer: Any, records: Iterable[Kept]) -> None:
        produce, topic = producer.produce, self.topic
        if isinstance(records, Pairs):
            for value, key in records:
                try:
                    produce(topic, value, key)
                except BufferError:
                    self._produce_one(producer, (value, key))
            return
        for record in records:
            self._produce_one(producer, record)

    def _produce_one(self, producer: Any, record: Kept) -> None:
        """Produce a message, when there is room for it."""
        while True:
            try:
                if len(record) == 2:
                    producer.produce(self.topic, *record)
                else:
                    value, key, headers, stamp = record
                    producer.produce(self.topic, value, key, timestamp=stamp, headers=headers)
            except BufferError:
                producer.poll(0.1)
            else:
                return

    async def _drop(self) -> None:
        """Free the producer: whatever a thread still does with it, the next one fences it."""
        producers, self._producers = self._producers, []
        if producers:
            await trio.to_thread.run_sync(producers.clear, abandon_on_cancel=True)

    async def aclose(self) -> None:
        """See `wallarood.Target`."""
        await self._drop()
        await trio.to_thread.run_sync(self.topics.close, abandon_on_cancel=True)


def all_taken(producer: Any) -> bool:
    """Whether the server takes all that was produced: it is waited for while it takes some."""
    left = len(producer)
    while left:
        before, left = left, producer.flush(ANSWER_S)
        if left >= before:
            return False
    return True
