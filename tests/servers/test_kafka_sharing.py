"""Partitions of Kafka that share a client: each record comes to its reader, once, whatever ends."""

import itertools
from typing import Any

import pytest
import trio
import trio.testing
from confluent_kafka import Producer
from support.patience import patiently
from support.servers.process import Server
from support.servers.topics import Topics

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.kafka import client
from wallarood.connectors.kafka.client import Client
from wallarood.connectors.kafka.reader import KafkaReader

NUMBERS = itertools.count()
CONTEXT = SourceContext("in", limits=SourceLimits(batch_records_max=20))


@pytest.fixture
def topics(kafka: Server) -> Topics:
    return Topics(kafka.address)


@pytest.fixture
def topic() -> str:
    return f"sharing-{next(NUMBERS)}"


async def opened(source: w.KafkaSource, partition: str, position: object = None) -> KafkaReader:
    reader = await source.open(partition, position, CONTEXT)
    assert isinstance(reader, KafkaReader)
    await reader.read()  # where it begins
    return reader


async def read_if_there(reader: KafkaReader) -> list[Any]:
    """What a read gives that is cancelled as soon as it waits for anything."""
    with trio.CancelScope() as scope:
        scope.cancel()
        batch = await reader.read()
        assert batch is not None
        return list(batch.records)
    return []


def fetched(shared: Client, count: int) -> list[Any]:
    """The next *count* messages of all partitions, and news, by topic."""
    taken: list[Any] = []
    while len([each for each in taken if each.error() is None]) < count:
        taken += shared.consumer.consume(count, 0.1)
    return sorted(taken, key=lambda each: each.topic())


async def read_on(reader: KafkaReader, found: list[Any]) -> None:
    while (batch := await reader.read()) is not None:
        found += batch.records


async def test_a_read_that_is_cancelled_loses_nothing_of_partitions_that_are_full(
    topics: Topics, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it changes what is fetched."""
    monkeypatch.setattr(client, "KEPT_MAX", 10)
    topics.create(topic, partitions=2)
    topics.produce(topic, [(None, b"%d" % n, n % 2) for n in range(400)])
    source = w.KafkaSource(topics.address, topic)
    with patiently(60):
        readers = [await opened(source, f"{topic}/{number}") for number in range(2)]
        readers[0].client._hand_out(fetched(readers[0].client, 400))
        topics.produce(topic, [(None, b"%d" % n, n % 2) for n in range(400, 800)])
        for number, reader in enumerate(readers):
            found: list[int] = []
            while len(found) < 400:
                found += map(int, await read_if_there(reader))
                await trio.sleep(0.01)
            assert found == list(range(number, 800, 2))
        for reader in readers:
            await reader.aclose()
        again = await opened(source, f"{topic}/0")
        await again.aclose()


async def test_a_reader_that_ends_leaves_nothing_to_that_of_another_topic(
    topics: Topics, topic: str
) -> None:
    """What still comes of its topic, of a partition of the same number, belongs to nobody."""
    names = f"{topic}.a", f"{topic}.b"
    source = w.KafkaSource(topics.address, *names)
    with patiently(60):
        for name in names:
            topics.create(name)
            topics.produce(name, [(None, name.encode(), 0)] * 5)
        stays, ends = [await opened(source, f"{name}/0") for name in names]
        shared = stays.client
        taken = fetched(shared, 10)
        async with trio.open_nursery() as nursery, shared._assigning:
            nursery.start_soon(ends.aclose)
            await trio.testing.wait_all_tasks_blocked()
            shared._hand_out(taken)
        batch = await stays.read()
        assert batch is not None
        assert batch.records == [names[0].encode()] * 5
        assert batch.position["offset"] == 5
        await stays.aclose()


async def test_an_end_before_the_last_message_is_not_the_end(topics: Topics, topic: str) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"1", 0)])
    with patiently(60):
        reader = await opened(w.KafkaSource(topics.address, topic), f"{topic}/0")
        taken = fetched(reader.client, 1)
        while all(each.error() is None for each in taken):
            taken += reader.client.consumer.consume(1, 0.1)
        topics.produce(topic, [(None, b"2", 0)])
        reader.client._hand_out(taken + fetched(reader.client, 1)[:1])
        batch = await reader.read()
        assert batch is not None
        assert batch.records == [b"1", b"2"]
        assert not reader.caught_up
        await reader.aclose()


async def test_a_partition_may_be_read_twice(topics: Topics, topic: str) -> None:
    """By two steps with one source; and when both have ended there is no client."""
    topics.create(topic)
    topics.produce(topic, [(None, b"%d" % n, 0) for n in range(5)])
    source = w.KafkaSource(topics.address, topic)
    with patiently(60):
        readers = [await opened(source, f"{topic}/0") for _ in range(2)]
        for reader in readers:
            batch = await reader.read()
            assert batch is not None
            assert batch.records == [b"%d" % n for n in range(5)]
        for reader in readers:
            await reader.aclose()
    assert not source._clients.open


async def test_a_bounded_read_waits_for_transactions_that_are_open(
    topics: Topics, topic: str
) -> None:
    """Else one that was committed might be missed: its end is written after that was answered."""
    topics.create(topic)
    producer = Producer({**topics.settings, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"a")
    producer.flush(30)
    with patiently(60):
        reader = await opened(w.KafkaSource(topics.address, topic, follow=False), f"{topic}/0")
        producer.commit_transaction(30)
        found: list[Any] = []
        await read_on(reader, found)
        await reader.aclose()
    assert found == [b"a"]


async def test_an_error_that_a_cancelled_read_met_is_told_by_the_next(
    topics: Topics, topic: str
) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"1", 0)] * 9)
    source = w.KafkaSource(topics.address, topic)
    with patiently(60):
        reader = await opened(source, f"{topic}/0")
        topics.trim(topic, 0, 6)
        assert reader._kept is not None
        await reader.client.unassign(reader._kept)
        await reader.begin()  # as it was before the messages were deleted
        for _ in range(40):
            assert await read_if_there(reader) == []
            await trio.sleep(0.05)
        with pytest.raises(w.ApplicationError, match="offset 0 is gone: the lowest available is 6"):
            await reader.read()
        await reader.aclose()


async def test_a_damaged_message_stops(kafka: Server, topics: Topics, topic: str) -> None:
    """What is behind it is not read either."""
    topics.create(topic)
    for value in (b"first", b"damaged", b"last"):
        topics.produce(topic, [(None, value, 0)])
    (log,) = (kafka.directory / "data" / f"{topic}-0").glob("*.log")
    with log.open("r+b") as file:
        file.seek(log.read_bytes().index(b"damaged"))
        file.write(b"DAMAGED")
    with patiently(60):
        reader = await opened(w.KafkaSource(topics.address, topic), f"{topic}/0")
        found: list[Any] = []
        with pytest.raises(w.ApplicationError, match=f"{topic}/0 of .* from about offset 1 on"):
            await read_on(reader, found)
        await reader.aclose()
    assert found == [b"first"]
