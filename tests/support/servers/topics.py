"""Topics of a Kafka broker, as a test makes, fills and reads them."""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from support.harness import wait_for

QUIET = {"log_level": 0}
PATIENT_S = 180
"""A broker takes its time on a busy machine; what it refuses shows sooner."""
WITHOUT_LEADER = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._UNKNOWN_PARTITION,  # a broker that comes back tells of none at first
)
Message = tuple[bytes | None, bytes | None, int]
"""Key, value and partition."""


class Topics:
    """The topics of the broker at an address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.settings = {"bootstrap.servers": address, **QUIET}
        self.admin = AdminClient(self.settings)

    def create(self, name: str, *, partitions: int = 1, **config: str) -> None:
        """A new topic; *config* with _ for the dots of its names."""
        dotted = {key.replace("_", "."): value for key, value in config.items()}
        self._done(self.admin.create_topics([NewTopic(name, partitions, 1, config=dotted)]))
        wait_for(f"{name} has its leaders", lambda: self._led(name) == partitions)

    def delete(self, name: str) -> None:
        """Delete a topic."""
        self._done(self.admin.delete_topics([name]))

    def grow(self, name: str, partitions: int) -> None:
        """Give a topic so many partitions."""
        self._done(self.admin.create_partitions([NewPartitions(name, partitions)]))
        wait_for(f"{name} has its leaders", lambda: self._led(name) == partitions)

    def trim(self, name: str, partition: int, before: int) -> None:
        """Delete the messages of a partition below an offset."""
        self._done(self.admin.delete_records([TopicPartition(name, partition, before)]))

    def _done(self, futures: dict) -> None:  # type: ignore[type-arg]
        for future in futures.values():
            future.result(PATIENT_S)

    def produce(self, name: str, messages: Iterable[Message], **message: object) -> None:
        """Produce messages and wait until the broker has them, each once."""
        # A broker that answers late has a message twice, else: it is produced again meanwhile.
        settings = {**self.settings, "linger.ms": 5, "enable.idempotence": True}
        producer, refused = Producer(settings), list[object]()
        given = list(messages)
        # A broker that has just begun may not know of a new partition yet: they would be refused.
        used = {partition for _, _, partition in given}
        wait_for("its partitions are known", lambda: used <= set(self._known(name)))

        def delivered(error: object, _: object) -> None:
            if error is not None:
                refused.append(error)

        for key, value, partition in given:
            while True:
                try:
                    producer.produce(name, value, key, partition, on_delivery=delivered, **message)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(PATIENT_S) == 0
        assert not refused, refused[:3]

    def _led(self, name: str) -> int:
        """Of how many partitions the broker tells a leader: it may have made them a moment ago."""
        found = self.admin.list_topics(name, timeout=PATIENT_S).topics[name]
        return sum(each.error is None and each.leader >= 0 for each in found.partitions.values())

    def _known(self, name: str) -> Iterable[int]:
        return self.admin.list_topics(name, timeout=PATIENT_S).topics[name].partitions

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                **self.settings,
                "group.id": "test",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )

    def read(self, name: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """Partition, key and value of all that is committed now, in order within a partition.

        A broker acknowledges a commit before it has written the mark of it to each partition (see
        KIP-98): so what was written by now is read, and waited for while it is in doubt.
        """
        waiting = set(self._known(name))
        partitions = [TopicPartition(name, number, 0) for number in waiting]
        # One that is written to faster than it is read here would have no other end.
        written = self._consumer("read_uncommitted")
        ends = [_end_of(written, each) for each in partitions]
        written.close()
        end_of = dict(zip(waiting, ends, strict=True))
        consumer = self._consumer("read_committed")
        consumer.assign(partitions)
        found = []
        while waiting:
            message = consumer.poll(PATIENT_S)
            assert message is not None, f"{name}: partitions {waiting} have no end"
            part = message.partition()
            if message.error():
                assert message.error().name() == "_PARTITION_EOF", message.error()
                if message.offset() >= end_of[part]:
                    waiting.discard(part)
            elif message.offset() >= end_of[part]:
                waiting.discard(part)
            else:
                found.append((part, message.key(), message.value()))
        consumer.close()
        return sorted(found, key=lambda each: each[0])


def _end_of(consumer: Consumer, partition: TopicPartition) -> int:
    """Where a partition ends, as soon as it has a leader: after a restart it has none at first."""
    found: list[int] = []

    def is_told() -> bool:
        try:
            found.append(consumer.get_watermark_offsets(partition, timeout=PATIENT_S)[1])
        except KafkaException as error:
            if error.args[0].code() not in WITHOUT_LEADER:
                raise
        return bool(found)

    wait_for(f"{partition.topic} has a leader", is_told)
    return found[0]
