"""Orders in Avro are taken from a topic of Kafka, and totals for each item sent to another.

``wallarood dev wallarood.examples.servers.avro_orders -- localhost:9092 orders totals``
"""

import attrs

import wallarood as w
from wallarood.model.errors import UsageError

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "item", "type": "string"}, {"name": "count", "type": "int"}],
}
TOTAL = {
    "type": "record",
    "name": "Total",
    "fields": [{"name": "item", "type": "string"}, {"name": "sold", "type": "long"}],
}


@attrs.frozen
class Order:
    """A message that comes in."""

    item: str
    count: int


@attrs.frozen
class Total:
    """A message that goes out."""

    item: str
    sold: int


class Sold:
    """How many of an item were sold."""

    count = 0


@w.state_computation(state=Sold)
def sold(order: Order, state: Sold) -> Total:
    """How many of the item were sold by now."""
    state.count += order.count
    return Total(order.item, state.count)


def app(args: list[str]) -> w.Application:
    """Arguments: the brokers as HOST:PORT, the topic of orders, and the topic of totals."""
    if len(args) != 3:
        raise UsageError("avro_orders: expected BROKERS TOPIC-OF-ORDERS TOPIC-OF-TOTALS")
    brokers, orders, totals = args
    source = w.KafkaSource(brokers, orders, format=w.Avro(ORDER, record=Order), on_error="skip")
    return w.application(
        "avro-orders",
        w.source("orders", source)
        .key_by(lambda order: order.item, name="by-item")
        .to(sold)
        .to_sink(
            w.KafkaSink(brokers, totals, format=w.Avro(TOTAL), key=lambda total: total.item),
            name="totals",
        ),
    )
