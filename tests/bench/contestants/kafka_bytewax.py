"""Sums by key from a topic into another: Bytewax with its Kafka operators. Arguments: as ours.

It is at least once: its sink has no transactions.
"""

import json
import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main


def decode(message: KafkaSourceMessage) -> tuple[str, int]:
    """The pair in a message."""
    key, value = json.loads(message.value)
    return key, value


def add(total: int | None, value: int) -> tuple[int, int]:
    """The sum of a key by now, kept and passed on."""
    total = (total or 0) + value
    return total, total


def encode(pair: tuple[str, int]) -> KafkaSinkMessage:
    """A message of a key and its sum."""
    return KafkaSinkMessage(pair[0].encode(), json.dumps(pair).encode())


def main() -> None:
    """Read to the end."""
    brokers, topic, out, _ = sys.argv[1:]
    flow = Dataflow("sums")
    read = kafka.input("in", flow, brokers=[brokers], topics=[topic], tail=False)
    pairs = op.map("decode", read.oks, decode)
    sums = op.stateful_map("sum", pairs, add)
    kafka.output("out", op.map("encode", sums, encode), brokers=[brokers], topic=out)
    run_main(flow)


if __name__ == "__main__":
    main()
