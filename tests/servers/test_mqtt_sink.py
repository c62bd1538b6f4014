"""The MQTT sink, against Mosquitto: every message arrives, whoever dies; names tell repeats."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from support.harness import wait_for
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import check_all, count_into
from support.servers.mosquitto import PASSWORD, USER, Publisher, guarded_port
from support.servers.process import Server

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.model.errors import PeersGoneError
from wallarood.testing.connectors import SinkCase, prove_sink


class Subscriber:
    """Keeps what is published below a topic: all, and once by name."""

    def __init__(self, server: Server, topic: str) -> None:
        import paho.mqtt.client as paho  # noqa: PLC0415 - an extra

        self.topic = topic
        self.all: list[tuple[str, bytes, str]] = []
        self.ready = threading.Event()
        self.client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=f"subscriber-{topic}", protocol=paho.MQTTv5
        )
        self.client.on_message = self._take
        self.client.on_connect = lambda *_: self.client.subscribe(f"{topic}/#", qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.reconnect_delay_set(0.05, 0.2)
        from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415
        from paho.mqtt.properties import Properties  # noqa: PLC0415

        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 3600
        self.client.connect("127.0.0.1", server.port, clean_start=False, properties=kept)
        self.client.loop_start()
        assert self.ready.wait(20)

    def _take(self, _client: Any, _userdata: Any, message: Any) -> None:
        properties = dict(getattr(message.properties, "UserProperty", ()))
        self.all.append((message.topic, message.payload, properties.get("message-id", "")))

    def named(self) -> list[bytes]:
        """The payloads, once for each name, in order."""
        return list({name: payload for _, payload, name in self.all}.values())

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def subscriber(mosquitto: Server, request: pytest.FixtureRequest) -> Iterator[Subscriber]:
    """Of a topic of its own for each test."""
    found = Subscriber(mosquitto, topic_of(request))
    yield found
    found.close()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """The same topic."""
    return topic_of(request)


def topic_of(request: pytest.FixtureRequest) -> str:
    return "t" + "".join(each for each in request.node.name if each.isalnum())


def url(server: Server) -> str:
    return f"mqtt://{server.address}"


def at(directory: Path) -> SinkContext:
    return SinkContext("app", "app-12345678", "alpha", "out", 0, str(directory))


async def sent(sink: w.MqttSink, records: list[Any], directory: Path) -> None:
    writer = await sink.open(at(directory), None)
    try:
        await writer.write(records)
        prepared = await writer.prepare()
        with patiently(20):
            await writer.commit(prepared)
    finally:
        await writer.aclose()


async def heard(subscriber: Subscriber, count: int) -> None:
    def wait() -> None:
        wait_for(f"{count} messages", lambda: len(subscriber.all) >= count)

    await trio.to_thread.run_sync(wait)


def all_named(server: Server, subscriber: Subscriber) -> list[bytes]:
    """What the broker has, by its names: it comes before what is published after it."""
    last = uuid.uuid4().hex.encode()
    with Publisher(server) as publisher:
        publisher.publish(f"{subscriber.topic}/last", [last])
    wait_for("the last one", lambda: last in [payload for _, payload, _ in subscriber.all])
    subscriber.all[:] = [each for each in subscriber.all if not each[0].endswith("/last")]
    return subscriber.named()


async def test_records_are_published_in_order_with_their_names(
    mosquitto: Server, topic: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    sink = w.MqttSink(url(mosquitto), lambda number: f"{topic}/{number % 2}")
    await sent(sink, list(range(1000)), tmp_path)
    await heard(subscriber, 1000)
    name = "app-out@alpha-0-12345678"
    assert subscriber.all == [
        (f"{topic}/{number % 2}", str(number).encode(), f"{name}-{number + 1}")
        for number in range(1000)
    ]


async def test_messages_have_their_own_topic_properties_and_retain(
    mosquitto: Server, topic: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    def nowhere(_: object) -> str:
        raise AssertionError("a message has its own topic")

    sink = w.MqttSink(url(mosquitto), nowhere, format="text")
    message = w.MqttMessage("kept", f"{topic}/x", retain=True, properties=(("a", "b"),))
    await sent(sink, [message], tmp_path)
    await heard(subscriber, 1)
    later = w.MqttSource(
        url(mosquitto), f"{topic}/#", client_id=topic, format="text", messages=True
    )
    context = at(tmp_path / "later")
    reader: Any = await later.open(
        "client-0", None, w.SourceContext("in", directory=context.directory)
    )
    with patiently(20):
        while not (found := (await reader.read()).records):
            pass
    await reader.aclose()
    assert found[0].retain
    assert ("a", "b") in found[0].properties


async def test_what_a_broker_refuses_or_where_none_is_is_said(
    mosquitto: Server, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("barley")
    where = f"mqtt://{USER}@127.0.0.1:{guarded_port(mosquitto)}"
    sink = w.MqttSink(where, "allowed/x", password_file=str(file))
    with pytest.raises(w.WallaroodError, match=r"Not authorized.*check user") as checked:
        await sink.check_connected()
    with pytest.raises(PeersGoneError) as worked:
        await sent(sink, [1], tmp_path / "a")
    assert worked.value.message == checked.value.message
    file.write_text(PASSWORD)
    await sink.check_connected()
    forbidden = w.MqttSink(where, "forbidden/x", password_file=str(file))
    with pytest.raises(PeersGoneError, match=r"Not authorized \(publishing to forbidden/x\)"):
        await sent(forbidden, [1], tmp_path / "b")
    nobody = w.MqttSink(f"mqtt://127.0.0.1:{free_port()}", "x")
    with pytest.raises(PeersGoneError, match="cannot be reached"):
        await sent(nobody, [1], tmp_path / "c")


@pytest.mark.parametrize("wrong", ["", "a/+", "a/#", "x" * 70_000, None])
async def test_a_topic_that_is_none_is_named(mosquitto: Server, wrong: Any, tmp_path: Path) -> None:
    if wrong is not None:
        with pytest.raises(w.ApplicationError, match="expected text without"):
            w.MqttSink(url(mosquitto), wrong)
    writer = await w.MqttSink(url(mosquitto), lambda _: wrong).open(at(tmp_path), None)
    with pytest.raises(w.ApplicationError, match=r"topic= gave .*\n  record: 1"):
        await writer.write([1])
    await writer.aclose()


@pytest.mark.long
async def test_the_kit_shows_that_each_message_arrives(
    mosquitto: Server, topic: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    """By their names they arrive once and in order; without, some come again."""

    def read() -> list[str]:
        return [each.decode() for each in all_named(mosquitto, subscriber)]

    case = SinkCase(
        sink=w.MqttSink(url(mosquitto), f"{topic}/x", format="text"),
        read=read,
        server=mosquitto,
        kills=5,
        wrong={"nobody": (w.MqttSink(f"mqtt://127.0.0.1:{free_port()}", "x"), "cannot be")},
        # A broker that is killed may forget what it has acknowledged: it saves once a second.
        only=(
            "published again", "commit cancelled", "process killed", "killed at any moment",
            "zombie writer", "marker ahead", "spool damaged", "checkpoint put back", "server slow",
            "refused",
        ),
    )  # fmt: skip
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    assert len(proof.shown) == len(case.only)


@pytest.mark.long
def test_counts_arrive_whoever_dies(
    mosquitto: Server, topic: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    sink = f'w.MqttSink("{url(mosquitto)}", "{topic}/counts")'

    def pairs() -> list[tuple[int, int]]:
        return [tuple(msgspec.json.decode(each)) for each in all_named(mosquitto, subscriber)]

    count_into(
        sink, pairs, directory=tmp_path, server=mosquitto, workers=1, kills=3, server_kills=0,
        check=check_all,
    )  # fmt: skip
    assert len(subscriber.all) >= len(subscriber.named())
