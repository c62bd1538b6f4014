"""The Kafka source against a real broker."""

import itertools
from typing import Any

import pytest
import trio
from confluent_kafka import Producer
from support.harness import free_port, wait_for
from support.servers.process import Server
from support.servers.topics import Topics

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.model.errors import ConfigurationError

pytestmark = pytest.mark.xdist_group("kafka")
NUMBERS = itertools.count()


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
    with trio.fail_after(60):
        while (batch := await reader.read()) is not None:
            found += [*batch.records, *batch.unreadable]
    await reader.aclose()
    return found


async def read_on(reader: SourceReader) -> None:
    while await reader.read() is not None:
        pass


async def test_values_come_in_order_and_positions_continue(topics: Topics, topic: str) -> None:
    topics.create(topic, partitions=2)
    topics.produce(topic, [(None, f"{n}".encode(), n % 2) for n in range(5000)])
    source = w.KafkaSource(topics.address, topic, format="json", record=int)
    assert source.partitions() == (f"{topic}/0", f"{topic}/1")
    context = SourceContext("in", limits=SourceLimits(batch_records_max=100))
    with trio.fail_after(60):
        reader = await source.open(f"{topic}/1", None, context)
        begin, first = await reader.read(), await reader.read()
        await reader.aclose()
        assert begin is not None
        assert begin.records == []
        assert begin.position["offset"] == 0
        assert first is not None
        reader = await source.open(f"{topic}/1", first.position, context)
        second = await reader.read()
        await reader.aclose()
    assert second is not None
    assert first.records == list(range(1, 1 + 2 * len(first.records), 2))
    assert second.records[0] == first.records[-1] + 2


async def test_latest_is_where_the_topic_ended_when_the_cluster_began(
    topics: Topics, topic: str
) -> None:
    topics.create(topic)
    topics.produce(topic, [(None, b"old", 0)] * 3)
    source = w.KafkaSource(topics.address, topic, start="latest")
    with trio.fail_after(60):
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
    with trio.fail_after(60):
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
    topics.create(topic)
    topics.produce(topic, [(b"k", b"1", 0)], headers=[("h", b"x")], timestamp=1_000)
    topics.produce(topic, [(b"k", None, 0)], timestamp=2_000)
    source = w.KafkaSource(topics.address, topic, format="json", messages=True, follow=False)
    assert await read(source, f"{topic}/0") == [
        w.KafkaMessage(1, b"k", (("h", b"x"),), 1_000_000, topic, 0, 0),
        w.KafkaMessage(None, b"k", (), 2_000_000, topic, 0, 1),
    ]


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
    with trio.fail_after(30):  # and the end is found, also if it comes with the last message
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
    with trio.fail_after(30):
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
    reader = await w.KafkaSource(topics.address, topic, follow=False).open(
        f"{topic}/0", None, SourceContext("in")
    )
    with trio.fail_after(30):
        taken: list[Any] = []
        while len(taken) < 3:
            taken += reader._consumer.consume(3, 0.1)
        reader._waited_for = taken
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
    with trio.fail_after(60):
        reader = await source.open(f"{topic}/0", None, context)
        await reader.read()
        batch = await reader.read()
        await reader.aclose()
        assert batch is not None
        said = f"{topic}/0 of Kafka at .*: offset {batch.position['offset']} is gone: the lowest "
        if while_reading:
            reader = await source.open(f"{topic}/0", batch.position, context)
            await reader.aclose()
            topics.trim(topic, 0, 60)
            reader._consumer = reader._made()  # as it was before the messages were deleted
            await reader.begin()
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
    with trio.fail_after(90):
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


async def test_a_broker_that_is_killed_is_waited_for(kafka: Server, topics: Topics) -> None:
    topics.create("killed")
    topics.produce("killed", [(None, b"1", 0)])
    source = w.KafkaSource(kafka.address, "killed")
    with trio.fail_after(120):
        reader = await source.open("killed/0", None, SourceContext("in"))
        await reader.read()  # where it begins
        batch = await reader.read()
        assert batch is not None
        kafka.kill()
        opened: list[object] = []

        async def open_again() -> None:
            opened.append(await source.open("killed/0", batch.position, SourceContext("in")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(open_again)
            with trio.move_on_after(2):
                await reader.read()
            assert not opened
            await trio.to_thread.run_sync(kafka.start)
        Topics(kafka.address).produce("killed", [(None, b"2", 0)])
        more = await reader.read()
        assert more is not None
        assert more.records == [b"2"]
        await reader.aclose()
        await opened[0].aclose()  # type: ignore[attr-defined]


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
