"""Sums by key from a topic into another: a loop by hand over confluent-kafka.

A transaction a second, with the offsets in it: what `BROKERS TOPIC OUT` costs at least.
"""

import sys
import time

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition


def main() -> None:
    """Read to the end, then commit the last transaction."""
    brokers, topic, out = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": out,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "transactional.id": out,
            "linger.ms": 5,
            "partitioner": "murmur2_random",
        }
    )
    producer.init_transactions(30)
    decode = msgspec.json.Decoder(tuple[str, int]).decode
    encode = msgspec.json.Encoder().encode
    sums: dict[str, int] = {}

    def commit() -> None:
        ends = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata())
        producer.commit_transaction(60)

    producer.begin_transaction()
    since, ended = time.monotonic(), False
    while not ended:
        for message in consumer.consume(2048, 0.1):
            if message.error():
                ended = True
                break
            key, value = decode(message.value())
            total = sums[key] = sums.get(key, 0) + value
            while True:
                try:
                    producer.produce(out, encode((key, total)), key)
                    break
                except BufferError:
                    producer.poll(0.05)
        if time.monotonic() - since > 1 and not ended:
            commit()
            producer.begin_transaction()
            since = time.monotonic()
    commit()
    consumer.close()


if __name__ == "__main__":
    main()
