"""Avro and Protobuf through a broker: written by other clients, counted, and read by other clients.

A worker is killed meanwhile. Bytes are made and read by the libraries alone, without our codecs.
"""

import io
import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.servers.process import Server
from support.servers.topics import Topics

NUMBERS = itertools.count()
ITEMS = ("apple", "Birne", "šípek", "")
EACH = 200
HEADER = struct.Struct(">bI")
OLD: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "item", "type": "string"}, {"name": "count", "type": "int"}],
}
NEW = {**OLD, "fields": [*OLD["fields"], {"name": "city", "type": "string", "default": "Wien"}]}
TOTAL = {
    "type": "record",
    "name": "Total",
    "fields": [
        {"name": "item", "type": "string"},
        {"name": "city", "type": "string"},
        {"name": "sum", "type": "long"},
    ],
}
MESSAGES = '''
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

def made(name: str, **fields: int) -> type:
    """A class of a message, as a module that protoc has generated makes it."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="shop", syntax="proto3")
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        message.field.add(name=field, number=number, type=kind, label=1)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))

Order = made("Order", item=9, count=5)
Total = made("Total", item=9, city=9, sum=3)
'''
APPLICATION = """
import wallarood as w
{before}
class Sum:
    total = 0

@w.state_computation(state=Sum)
def summed(order: tuple[str, str, int], state: Sum) -> {result}:
    item, city, count = order
    state.total += count
    return {made}

app = w.application(
    "codecs",
    w.source("orders", w.KafkaSource("{servers}", "{topic}", format={read}))
    .map({taken})
    .key_by(lambda order: order[:2], name="by-item")
    .to(summed)
    .to_sink(w.KafkaSink("{servers}", "{topic}-totals", format={write}), name="out"),
)
"""
Total = tuple[str, str, int]


@pytest.fixture
def topics(kafka: Server) -> Topics:
    return Topics(kafka.address)


def check_through(
    topics: Topics,
    directory: Path,
    *,
    application: dict[str, str],
    encode: Callable[[int, str, int], bytes],
    decode: Callable[[bytes], Total],
) -> list[Total]:
    """Sum orders while a worker is killed; the totals that other clients read, in order by key."""
    topic = f"codecs{next(NUMBERS)}"
    topics.create(topic, partitions=3)
    topics.create(f"{topic}-totals")
    file = directory / "codecs.py"
    file.write_text(APPLICATION.format(servers=topics.address, topic=topic, **application))

    def produce(numbers: range) -> None:
        pairs = [(number, ITEMS[number % len(ITEMS)]) for number in numbers]
        topics.produce(topic, [(None, encode(n, item, n), n % 3) for n, item in pairs])

    def totals() -> list[Total]:
        return [decode(value or b"") for _, _, value in topics.read(f"{topic}-totals")]

    with hosts_in(directory) as hosts:
        cluster = Killer(hosts, str(file), 2)
        cluster.until("running")
        produce(range(EACH))
        wait_for("some are there", totals)
        cluster.kill("beta")
        produce(range(EACH, 2 * EACH))
        wait_for("all are there", lambda: len(totals()) >= 2 * EACH, wait_s=60)
        cluster.end()
    return totals()


def check_sums(found: list[Total], city: Callable[[int], str]) -> None:
    """Of each key, all sums are there once; each is more than the one before it."""
    last: dict[tuple[str, str], int] = {}
    for item, where, total in found:
        assert total >= last.get((item, where), 0), (item, where)
        last[item, where] = total
    expected: dict[tuple[str, str], int] = {}
    for number in range(2 * EACH):
        key = ITEMS[number % len(ITEMS)], city(number)
        expected[key] = expected.get(key, 0) + number
    assert last == expected
    assert len(found) == 2 * EACH


def test_avro_with_two_schemas_of_a_registry(topics: Topics, tmp_path: Path) -> None:
    """Old and new producers write; what the old one does not say has the default of the new one."""
    for name, schema in (("old", OLD), ("new", NEW), ("total", TOTAL)):
        (tmp_path / f"{name}.avsc").write_text(json.dumps(schema))
    old, new, total = (fastavro.parse_schema(each) for each in (OLD, NEW, TOTAL))

    def encode(number: int, item: str, count: int) -> bytes:
        stream = io.BytesIO()
        if number % 2:
            stream.write(HEADER.pack(0, 8))
            fastavro.schemaless_writer(stream, new, {"item": item, "count": count, "city": "Graz"})
        else:
            stream.write(HEADER.pack(0, 3))
            fastavro.schemaless_writer(stream, old, {"item": item, "count": count})
        return stream.getvalue()

    def decode(raw: bytes) -> Total:
        assert HEADER.unpack(raw[: HEADER.size]) == (0, 11)
        found: Any = fastavro.schemaless_reader(io.BytesIO(raw[HEADER.size :]), total, None)
        return found["item"], found["city"], found["sum"]

    read = f'w.Avro("{tmp_path}/new.avsc", confluent_id=8, older={{3: "{tmp_path}/old.avsc"}})'
    application = {
        "before": "",
        "result": "dict[str, str | int]",
        "made": '{"item": item, "city": city, "sum": state.total}',
        "read": read,
        "taken": 'lambda order: (order["item"], order["city"], order["count"])',
        "write": f'w.Avro("{tmp_path}/total.avsc", confluent_id=11)',
    }
    found = check_through(topics, tmp_path, application=application, encode=encode, decode=decode)
    check_sums(found, lambda number: "Graz" if number % 2 else "Wien")


def message_class(name: str, **fields: int) -> Any:
    """The same message, in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="shop", syntax="proto3")
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        message.field.add(name=field, number=number, type=kind, label=1)  # type: ignore[arg-type]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"shop.{name}"))


@pytest.mark.long
def test_protobuf_as_protoc_makes_it(topics: Topics, tmp_path: Path) -> None:
    (tmp_path / "shop_pb2.py").write_text(MESSAGES)
    order, total = (
        message_class("Order", item=9, count=5),
        message_class("Total", item=9, city=9, sum=3),
    )

    def decode(raw: bytes) -> Total:
        found = total.FromString(raw)
        return found.item, found.city, found.sum

    application = {
        "before": "from shop_pb2 import Order, Total\n",
        "result": "Total",
        "made": "Total(item=item, city=city, sum=state.total)",
        "read": "w.Protobuf(Order)",
        "taken": 'lambda order: (order.item, "Linz", order.count)',
        "write": "w.Protobuf(Total)",
    }
    found = check_through(
        topics,
        tmp_path,
        application=application,
        encode=lambda _, item, count: order(item=item, count=count).SerializeToString(),
        decode=decode,
    )
    check_sums(found, lambda _: "Linz")
