"""NATS JetStream: a source of subjects of a stream, and a sink by atomic batches.

>>> from wallarood.connectors import nats
>>> orders = nats.NatsSource("nats://localhost", "ORDERS", "orders.>", format="json")
>>> sink = nats.NatsSink("nats://localhost", "COUNTS", "counts.words")
"""

from wallarood.connectors.nats.sink import NatsSink
from wallarood.connectors.nats.source import NatsSource

__all__ = ["NatsSink", "NatsSource"]
