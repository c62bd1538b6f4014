"""The Kafka source against a real broker."""

import itertools
from typing import Any

import pytest
import trio
from confluent_kafka import Producer
from support.harness import wait_for
from support.patience import patiently
from support.ports import free_port
from support.servers.process import Server
from support.servers.topics import Topics

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.connectors.kafka import client
from wallarood.connectors.kafka.client import KEPT_MAX
from wallarood.connectors.kafka.reader import KafkaReader
from wallarood.model.errors import ConfigurationError

NUMBERS = itertools.count()
CONTEXT = SourceContext("in", limits=SourceLimits(batch_records_max=500))


@pytest.fixture
def topics(kafka: Server) -> Topics:
    return Topics(kafka.address)


@pytest.fixture
def topic() -> str:
    return f"in-{next(NUMBERS)}"


async def read(source: w.KafkaSource, partition: str, position: object = None) -> list[object]:
    """All records of a bounded source's partition."""
    reader = await source.open(partition, position, SourceContext("in"))
    found: list[object] = []
    with patiently(60):
        while (batch := await reader.read()) is not None:
            found += [*batch.records, *batch.unreadable]
    await reader.aclose()
    return found


async def opened(source: w.KafkaSource, partition: str, position: object = None) -> KafkaReader:
    reader = await source.open(partition, position, CONTEXT)
    assert isinstance(reader, KafkaReader)
    return reader


async def read_on(reader: SourceReader) -> None:
    while await reader.read() is not None:
        pass


async def test_values_come_in_order_and_positions_continue(topics: Topics, topic: str) -> None:
    topics.create(topic, partitions=2)
    topics.produce(topic, [(None, f"{n}".encode(), n % 2) for n in range(5000)])
    source = w.KafkaSource(topics.address, topic, format="json", record=int)
    assert source.partitions() == (f"{topic}/0", f"{topic}/1")
    context = SourceContext("in", limits=SourceLimits(batch_records_max=100))
    with patiently(60):
        reader = await source.open(f"{topic}/1", None, context)
        begin, first = await reader.read(), await reader.read()
        await reader.aclose()
        assert begin is not None
        assert begin.records == []
        assert begin.position["offset"] == 0
        assert first is not None
        reader = await source.open(f"{topic}/1", first.position, context)
        second = await reader.read()
        lag = reader.lag_records  # type: ignore[attr-defined]
        await reader.aclose()
    assert second is not None
    assert lag == 2500 - second.position["offset"]
    assert first.records == list(range(1, 1 + 2 * len(first.records), 2))
    assert second.records[0] == first.records[-1] + 2


async def test_latest_is_where_the_topic_ended_when_the_cluster_began(
    topics: Topics, topic: str
) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"old", 0)] * 3)
    source = w.KafkaSource(topics.address, topic, start="latest")
    with patiently(60):
        reader = await source.open(f"{topic}/0", None, SourceContext("in"))
        begin = await reader.read()
        await reader.aclose()
        assert begin is not None
        topics.produce(topic, [(None, b"new", 0)])  # while the worker is away
        reader = await source.open(f"{topic}/0", begin.position, SourceContext("in"))
        batch = await reader.read()
        await reader.aclose()
    assert batch is not None
    assert batch.records == [b"new"]


async def test_a_read_that_is_cancelled_takes_nothing(topics: Topics, topic: str) -> None:
    topics.create(topic)
    source = w.KafkaSource(topics.address, topic)
    reader = await source.open(f"{topic}/0", None, SourceContext("in"))
    found: list[bytes] = []
    sent = 0
    with patiently(60):
        while len(found) < 30:
            with trio.move_on_after(0.05):
                batch = await reader.read()
                assert batch is not None
                found += batch.records
            if sent < 30:
                topics.produce(topic, [(None, b"%d" % sent, 0)])
                sent += 1
        await reader.aclose()
    assert found == [b"%d" % n for n in range(30)]


async def test_messages_have_key_headers_time_and_tombstones(topics: Topics, topic: str) -> None:
    topics.create(topic, retention_ms="-1")  # their times are long ago
    topics.produce(topic, [(b"k", b"1", 0)], headers=[("h", b"x")], timestamp=1_000)
    topics.produce(topic, [(b"k", None, 0)], timestamp=2_000)
    source = w.KafkaSource(topics.address, topic, format="json", messages=True, follow=False)
    assert await read(source, f"{topic}/0") == [
        w.KafkaMessage(1, b"k", (("h", b"x"),), 1_000_000, topic, 0, 0),
        w.KafkaMessage(None, b"k", (), 2_000_000, topic, 0, 1),
    ]


async def test_records_are_stamped_where_their_times_are_used(topics: Topics, topic: str) -> None:
    topics.create(topic, retention_ms="-1")
    topics.produce(topic, [(None, b"1", 0), (None, b"{", 0), (None, b"2", 0)], timestamp=3_000)
    source = w.KafkaSource(topics.address, topic, format="json", on_error="skip")
    found = []
    for stamps in (True, False):
        context = SourceContext("in", stamps=stamps)
        reader = await source.open(f"{topic}/0", {"offset": 0, "topic": ""}, context)
        with patiently(60):
            batch = await reader.read()
        await reader.aclose()
        assert batch is not None
        assert batch.records == [1, 2]
        assert [each.raw for each in batch.unreadable] == [b"{"]
        found.append(batch.times)
    assert found == [[3_000_000, 3_000_000], None]


async def test_what_cannot_be_read_stops_or_is_handed_on(topics: Topics, topic: str) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"1", 0), (None, b"{", 0), (None, None, 0), (None, b"4", 0)])
    stops = w.KafkaSource(topics.address, topic, format="json", follow=False)
    with pytest.raises(w.ApplicationError, match=f"{topic}/0 offset 1 of Kafka at 127"):
        await read(stops, f"{topic}/0")
    skips = w.KafkaSource(
        topics.address, topic, format="json", record=int, follow=False, on_error="skip"
    )
    found = await read(skips, f"{topic}/0")
    assert [each for each in found if isinstance(each, int)] == [1, 4]
    bad = [each for each in found if isinstance(each, w.Unreadable)]
    assert [(each.raw, each.place) for each in bad] == [
        (b"{", f"{topic}/0 offset 1"),
        (b"", f"{topic}/0 offset 2"),
    ]
    assert "tombstone" in bad[1].error


async def test_only_what_is_committed_is_read(topics: Topics, topic: str) -> None:
    topics.create(topic)
    producer = Producer({**topics.settings, "transactional.id": topic})
    producer.init_transactions(30)
    for value, commits in ((b"a", True), (b"b", False), (b"c", True)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(30)
        producer.commit_transaction(30) if commits else producer.abort_transaction(30)
    source = w.KafkaSource(topics.address, topic, follow=False)
    assert await read(source, f"{topic}/0") == [b"a", b"c"]
    with patiently(30):  # and the end is found, also if it comes with the last message
        reader = await source.open(f"{topic}/0", None, SourceContext("in"))
        await reader.read()
        await trio.sleep(1)
        await read_on(reader)
        await reader.aclose()


def commit(topics: Topics, topic: str, *values: bytes) -> None:
    """One transaction of messages."""
    producer = Producer({**topics.settings, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    producer.commit_transaction(30)


async def test_a_position_is_behind_the_end_of_a_transaction(topics: Topics, topic: str) -> None:
    """Else a topic that was read to its end would seem to have lost something by retention."""
    topics.create(topic)
    commit(topics, topic, b"a", b"b")
    source = w.KafkaSource(topics.address, topic)
    with patiently(30):
        reader = await source.open(f"{topic}/0", None, SourceContext("in"))
        found: list[object] = []
        position = {"offset": 0}
        while position["offset"] < 3:
            batch = await reader.read()
            assert batch is not None
            found += batch.records
            position = batch.position
        await reader.aclose()
        assert found == [b"a", b"b"]
        topics.trim(topic, 0, 3)
        topics.produce(topic, [(None, b"c", 0)])
        reader = await source.open(f"{topic}/0", position, SourceContext("in"))
        more = await reader.read()
        await reader.aclose()
    assert more is not None
    assert more.records == [b"c"]


async def test_the_end_of_a_transaction_is_an_end(topics: Topics, topic: str) -> None:
    """Also if messages and the news that there are no more are taken at once."""
    topics.create(topic)
    commit(topics, topic, b"a", b"b")
    reader = await opened(w.KafkaSource(topics.address, topic, follow=False), f"{topic}/0")
    with patiently(30):
        taken: list[Any] = []
        while len(taken) < 3:
            taken += reader.client.consumer.consume(3, 0.1)
        reader.client._hand_out(taken)
        found = []
        while (batch := await reader.read()) is not None:
            found += batch.records
        await reader.aclose()
    assert found == [b"a", b"b"]


@pytest.mark.parametrize("while_reading", [False, True])
async def test_a_position_that_is_gone_stops(
    topics: Topics, topic: str, while_reading: bool
) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"%d" % n, 0) for n in range(100)])
    source = w.KafkaSource(topics.address, topic)
    context = SourceContext("in", limits=SourceLimits(batch_records_max=10))
    with patiently(60):
        reader = await source.open(f"{topic}/0", None, context)
        await reader.read()
        batch = await reader.read()
        await reader.aclose()
        assert batch is not None
        said = f"{topic}/0 of Kafka at .*: offset {batch.position['offset']} is gone: the lowest "
        if while_reading:
            reader = await opened(source, f"{topic}/0", batch.position)
            topics.trim(topic, 0, 60)
            assert reader._kept is not None
            await reader.client.unassign(reader._kept)
            await reader.begin()  # as it was before the messages were deleted
            with pytest.raises(w.ApplicationError, match=said + "available is 60"):
                await reader.read()
            await reader.aclose()
        else:
            topics.trim(topic, 0, 60)
            with pytest.raises(w.ApplicationError, match=said + "available is 60"):
                await source.open(f"{topic}/0", batch.position, context)


async def test_a_topic_made_anew_stops(topics: Topics, topic: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    topics.create(topic)
    topics.produce(topic, [(None, b"old", 0)] * 5)
    source = w.KafkaSource(topics.address, topic)
    with patiently(90):
        reader = await source.open(f"{topic}/0", None, SourceContext("in"))
        await reader.read()
        batch = await reader.read()
        assert batch is not None
        topics.delete(topic)
        wait_for("it is gone", lambda: topic not in topics.admin.list_topics(timeout=10).topics)
        topics.create(topic)
        topics.produce(topic, [(None, b"new", 0)] * 500)
        with pytest.raises(w.ApplicationError, match="deleted and made anew"):
            await source.open(f"{topic}/0", batch.position, SourceContext("in"))
        with pytest.raises(w.ApplicationError, match="deleted"):
            await read_on(reader)
        await reader.aclose()


@pytest.mark.long
async def test_a_broker_that_is_killed_is_waited_for(
    kafka: Server, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is away is said, by readers that wait and by those that are opened."""
    monkeypatch.setattr(client, "CHECK_S", 0.5)
    topics.create("killed")
    topics.produce("killed", [(None, b"1", 0)])
    source = w.KafkaSource(kafka.address, "killed")
    with patiently(120):
        reader = await opened(source, "killed/0")
        await reader.read()  # where it begins
        batch = await reader.read()
        assert batch is not None
        kafka.kill()
        said = f"Kafka at {kafka.address} does not answer"
        with pytest.raises(w.ServerAwayError, match=said):
            await reader.read()
        await reader.aclose()
        with pytest.raises(w.ServerAwayError, match=said):
            await source.open("killed/0", batch.position, CONTEXT)
        await trio.to_thread.run_sync(kafka.start)
        Topics(kafka.address).produce("killed", [(None, b"2", 0)])
        reader = await opened(source, "killed/0", batch.position)
        more = await reader.read()
        await reader.aclose()
        assert more is not None
        assert more.records == [b"2"]


async def test_readers_of_a_source_share_a_client(topics: Topics, topic: str) -> None:
    """Of which one that reads nothing holds up no other, and what it missed comes later, once."""
    topics.create(topic, partitions=3)
    source, counts = w.KafkaSource(topics.address, topic), (50, 30_000, 20)
    with patiently(90):
        readers = [await opened(source, f"{topic}/{number}") for number in range(3)]
        assert len({id(reader.client) for reader in readers}) == 1
        for number, count in enumerate(counts):
            topics.produce(topic, ((None, b"%d" % n, number) for n in range(count)))
        assert await records_of(readers[0], counts[0]) == list(range(counts[0]))
        topics.produce(topic, [(None, b"more", 2)] * 3000)
        assert len(await raw_of(readers[2], counts[2] + 3000)) == counts[2] + 3000
        slow = readers[1]
        assert slow._kept is not None
        assert len(slow._kept.messages) <= 2 * KEPT_MAX
        assert await records_of(slow, counts[1]) == list(range(counts[1]))
        await readers[0].aclose()
        topics.produce(topic, [(None, b"7", 0), (None, b"8", 2)])
        assert await records_of(readers[2], 1) == [8]
        again = await opened(source, f"{topic}/0", {"offset": 10, "topic": slow.place.topic})
        assert await records_of(again, 41) == [*range(10, 50), 7]
        for each in (again, slow, readers[2]):
            await each.aclose()
        assert not source._clients.open


async def raw_of(reader: KafkaReader, count: int) -> list[bytes]:
    """The next *count* values."""
    found: list[bytes] = []
    while len(found) < count:
        batch = await reader.read()
        assert batch is not None
        found += batch.records
    return found


async def records_of(reader: KafkaReader, count: int) -> list[int]:
    """The next *count* values, which are numbers."""
    return list(map(int, await raw_of(reader, count)))


async def test_a_reader_that_is_cancelled_before_it_waits_can_be_closed(
    topics: Topics, topic: str
) -> None:
    """Its thread had not begun then, and was waited for without end."""
    topics.create(topic)
    source = w.KafkaSource(topics.address, topic)
    with patiently(60):
        reader = await opened(source, f"{topic}/0")
        await reader.read()
        with trio.CancelScope() as scope:
            scope.cancel()
            await reader.read()
        await reader.aclose()
        assert not source._clients.open


@pytest.fixture
def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


async def test_what_is_wrong_is_said_with_the_server(topics: Topics, nowhere: str) -> None:
    missing = w.KafkaSource(topics.address, "no-such-topic")
    with pytest.raises(ConfigurationError, match=f"{topics.address} has no topic 'no-such"):
        missing.partitions()
    with pytest.raises(w.WallaroodError, match=f"Kafka at {nowhere} does not answer: .*refused"):
        await w.KafkaSource(nowhere, "x").check_connected()
    wrong = {"sasl.mechanism": "NO", "security.protocol": "SASL_PLAINTEXT", "sasl.password": "geh"}
    with pytest.raises(ConfigurationError) as caught:
        await w.KafkaSource(topics.address, "x", settings=wrong).check_connected()
    assert "geh" not in str(caught.value)
    assert "geh" not in repr(w.KafkaSource(topics.address, "x", settings=wrong))


async def test_topics_may_be_a_regular_expression(topics: Topics) -> None:
    for name in ("logs.a", "logs.b", "other"):
        topics.create(name)
    assert w.KafkaSource(topics.address, "^logs[.]").partitions() == ("logs.a/0", "logs.b/0")
