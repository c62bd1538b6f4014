"""The Kafka sink against a real broker."""

import itertools
from typing import Any

import pytest
import trio
from confluent_kafka import Producer
from support.patience import patiently
from support.servers.process import Server
from support.servers.topics import Topics

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.kafka.target import KafkaTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError

NUMBERS = itertools.count()


@pytest.fixture
def topics(kafka: Server) -> Topics:
    return Topics(kafka.address)


@pytest.fixture
def topic(topics: Topics) -> str:
    name = f"out-{next(NUMBERS)}"
    topics.create(name, retention_ms="-1")  # some messages have a time that is long ago
    return name


def target_of(sink: w.KafkaSink, writer: str) -> KafkaTarget:
    target = sink._spooled("out").connect(writer)
    assert isinstance(target, KafkaTarget)
    return target


async def apply(target: KafkaTarget, records: list[Any], last: int) -> None:
    expected = Marker(0, last - len(records))
    await target.apply(target.encode(records), expected, Marker(0, last))


async def test_a_marker_is_found_though_another_writer_is_at_work(
    topics: Topics, topic: str
) -> None:
    """A reader of committed messages sees nothing behind the other's open transaction."""
    sink = w.KafkaSink(topics.address, topic, marker_topic=f"{topic}-markers")
    first = target_of(sink, "we")
    with patiently(90):
        assert await first.marker() == Marker()
        other = Producer({**topics.settings, "transactional.id": "other"})
        other.init_transactions(30)
        other.begin_transaction()
        other.produce(f"{topic}-markers", b'{"line":0,"last":7}', "other", partition=0)
        other.flush(30)
        await apply(first, ["a", "b"], 2)
        found: list[Marker] = []

        async def find() -> None:
            found.append(await target_of(sink, "we").marker())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(find)
            await trio.sleep(2)
            assert found == []
            await trio.to_thread.run_sync(other.commit_transaction, 30)
    assert found == [Marker(0, 2)]
    assert [value for _, _, value in topics.read(topic)] == [b'"a"', b'"b"']


async def test_an_earlier_process_gets_nothing_in(topics: Topics, topic: str) -> None:
    sink = w.KafkaSink(topics.address, topic, format="text")
    zombie, heir = target_of(sink, topic), target_of(sink, topic)
    with patiently(60):
        assert await zombie.marker() == Marker()
        await apply(zombie, ["a"], 1)
        assert await heir.marker() == Marker(0, 1)
        with pytest.raises(MarkerMovedError, match=f"another process writes as {topic}"):
            await apply(zombie, ["b"], 2)
        await apply(heir, ["c"], 2)
        assert await zombie.marker() == Marker(0, 2)
        with pytest.raises(MarkerMovedError):
            await apply(heir, ["d"], 3)
    assert [value for _, _, value in topics.read(topic)] == [b"a", b"c"]


async def test_messages_bring_key_headers_and_time(topics: Topics, topic: str) -> None:
    sink = w.KafkaSink(topics.address, topic, key=lambda _: "of the sink")
    target = target_of(sink, topic)
    with patiently(60):
        await target.marker()
        records = [
            w.KafkaMessage({"a": 1}, b"k", (("h", b"x"),), 5_000_000),
            w.KafkaMessage(None, b"k"),
            [1, None],
        ]
        await apply(target, records, 3)
        source = w.KafkaSource(topics.address, topic, format="json", messages=True, follow=False)
        reader = await source.open(f"{topic}/0", None, w.SourceContext("in"))
        await reader.read()
        batch = await reader.read()
        await reader.aclose()
    assert batch is not None
    found = [(each.value, each.key, each.headers) for each in batch.records]
    assert found == [
        ({"a": 1}, b"k", (("h", b"x"),)),
        (None, b"k", ()),
        ([1, None], b"of the sink", ()),
    ]
    assert batch.records[0].time == 5_000_000


async def test_what_is_wrong_is_said_with_the_server(topics: Topics, topic: str) -> None:
    with pytest.raises(ConfigurationError, match="has no topic 'nowhere': create it"):
        await w.KafkaSink(topics.address, "nowhere").check_connected()
    topics.create(f"{topic}-kept", cleanup_policy="delete")
    sink = w.KafkaSink(topics.address, topic, marker_topic=f"{topic}-kept")
    for ask in (sink.check_connected, target_of(sink, "w").marker):
        with pytest.raises(ConfigurationError, match=r"cleanup[.]policy=delete: expected compact"):
            await ask()
    assert await w.KafkaSink(topics.address, topic).check_connected() is None


@pytest.mark.parametrize(
    ("options", "record", "said"),
    [
        ({}, "x" * 1_000_000, "a record has 1,000,002 bytes"),
        ({"key": lambda _: 1}, "x", "key= gave a int, expected str, bytes or None"),
        ({"key": lambda record: record[5]}, "x", "key= raised IndexError"),
        ({"format": "bytes"}, "x", 'has format="bytes" and cannot send a str'),
    ],
)
async def test_what_cannot_be_sent_is_found_where_it_is_made(
    tmp_path: Any, options: dict[str, Any], record: Any, said: str
) -> None:
    sink = w.KafkaSink("127.0.0.1:1", "out", **options)
    context = SinkContext("a", "c" * 16, "alpha", "out", 0, str(tmp_path))
    writer = await sink.open(context, None)
    with pytest.raises(w.ApplicationError, match=f"sink 'out'.*{said}") as caught:
        await writer.write([record])
    assert "record: 'x" in str(caught.value)
    await writer.aclose()
