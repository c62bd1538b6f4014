"""The MQTT source, against Mosquitto: what is acknowledged is kept, what is not comes again."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from support.intakes import opened, read, read_on
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import Pair, count_through
from support.servers.mosquitto import PASSWORD, USER, Publisher, guarded_port
from support.servers.process import Server

import wallarood as w
from wallarood.connectors.journal.intake import Intake
from wallarood.model.errors import ConfigurationError, ServerAwayError
from wallarood.testing.connectors import IntakeCase, prove_intake


@pytest.fixture
def topic() -> str:
    """A topic of its own for each test."""
    return f"t{uuid.uuid4().hex[:8]}"


def url(server: Server) -> str:
    return f"mqtt://{server.address}"


def source_of(server: Server, *topics: str, **options: Any) -> Any:
    options = {"client_id": f"test-{topics[0].partition('/')[0]}", "format": "text", **options}
    return w.MqttSource(url(server), *topics, **options)


@contextlib.asynccontextmanager
async def connected(source: Any, *where: Any, **options: str) -> AsyncIterator[Intake]:
    """The same, once it is connected."""
    async with opened(source, *where, **options) as reader:
        with patiently(20):
            await reader.read()
        yield reader


async def publish(server: Server, topic: str, *payloads: str, **options: Any) -> None:
    def run() -> None:
        with Publisher(server) as publisher:
            publisher.publish(topic, [each.encode() for each in payloads], **options)

    await trio.to_thread.run_sync(run)


async def test_messages_are_read_in_order_and_again(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic)
    numbers = [str(number) for number in range(300)]
    async with connected(source, tmp_path) as reader:
        await publish(mosquitto, topic, *numbers)
        found, position = await read(reader, 300)
        assert found == numbers
    async with opened(source, tmp_path, 100) as reader:
        assert await read(reader, 200) == (numbers[100:], position)


async def test_what_comes_while_the_source_is_away_waits_in_its_session(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic)
    async with connected(source, tmp_path) as reader:
        await publish(mosquitto, topic, "one")
        found, position = await read(reader, 1)
    await publish(mosquitto, topic, "two", "three")
    with structlog.testing.capture_logs() as said:
        async with opened(source, tmp_path, position) as reader:
            assert found + (await read(reader, 2))[0] == ["one", "two", "three"]
    assert not any("lost the session" in each["event"] for each in said)


async def test_what_was_not_kept_is_not_acknowledged(
    mosquitto: Server, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: the broker sends it again to the next life."""
    source = source_of(mosquitto, topic)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with connected(source, tmp_path):
        with monkeypatch.context() as patched:
            patched.setattr("wallarood.connectors.journal.files.write_all", full)
            with structlog.testing.capture_logs() as said:
                await publish(mosquitto, topic, "kept")
                with patiently(20):
                    while not any("cannot be written" in each["event"] for each in said):
                        await trio.lowlevel.checkpoint()
    async with opened(source, tmp_path, None) as reader:
        assert (await read(reader, 1))[0] == ["kept"]


async def test_a_full_journal_stops_the_broker_and_keeps_the_connection(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic, journal_bytes_max=2000)
    async with connected(source, tmp_path) as reader:
        await publish(mosquitto, topic, *["x" * 100 for _ in range(1500)])
        found, position = await read(reader, 10)
        while len(found) < 1500:
            await reader.committed(position)
            more, position = await read(reader, 1)
            found += more
        assert len(found) == 1500


async def test_wildcards_and_messages(mosquitto: Server, topic: str, tmp_path: Path) -> None:
    source = source_of(mosquitto, f"{topic}/+/power", f"{topic}/all/#", messages=True)
    async with connected(source, tmp_path) as reader:
        for end in ("a/power", "a/voltage", "all/b/c", "b/power"):
            await publish(mosquitto, f"{topic}/{end}", end)
        found, _ = await read(reader, 3)
    assert [(each.topic, each.value) for each in found] == [
        (f"{topic}/{end}", end) for end in ("a/power", "all/b/c", "b/power")
    ]


async def test_retained_messages_are_read_once_or_not(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    await publish(mosquitto, topic, "kept", retain=True)
    source = source_of(mosquitto, topic, messages=True)
    async with connected(source, tmp_path / "a") as reader:
        (message,), position = await read(reader, 1)
        assert (message.value, message.retain) == ("kept", True)
    async with opened(source, tmp_path / "a", position) as reader:
        await publish(mosquitto, topic, "new")
        assert [each.value for each in (await read(reader, 1))[0]] == ["new"]
    ignoring = source_of(mosquitto, topic, client_id=f"other-{topic}", retained="ignore")
    async with connected(ignoring, tmp_path / "b") as reader:
        await publish(mosquitto, topic, "newer")
        assert (await read(reader, 1))[0] == ["newer"]


async def test_several_clients_share_a_subscription(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic, clients=2)
    assert source.partitions() == ("client-0", "client-1")
    numbers = [str(number) for number in range(200)]
    async with (
        connected(source, tmp_path / "0", partition="client-0") as one,
        connected(source, tmp_path / "1", partition="client-1") as other,
    ):
        await publish(mosquitto, topic, *numbers)
        found: dict[str, list[str]] = {"0": [], "1": []}
        with patiently(20):
            async with trio.open_nursery() as nursery:

                async def take(name: str, reader: Intake) -> None:
                    while True:
                        found[name] += (await reader.read()).records
                        if sum(map(len, found.values())) >= 200:
                            nursery.cancel_scope.cancel()

                nursery.start_soon(take, "0", one)
                nursery.start_soon(take, "1", other)
    assert sorted(found["0"] + found["1"], key=int) == numbers
    assert found["0"]
    assert found["1"]


async def test_messages_with_names_are_read_once(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    def send(payload: str, *names: str) -> None:
        with Publisher(mosquitto) as publisher:
            publisher.publish_named(topic, [payload.encode()] * len(names), names)

    sent = partial(trio.to_thread.run_sync, send)
    source = source_of(mosquitto, topic, id_property="id")
    async with connected(source, tmp_path) as reader:
        await sent("x", "a", "a", "b", "a")
        await publish(mosquitto, topic, "last")
        found, position = await read(reader, 3)
        assert found == ["x", "x", "last"]
        await reader.committed(position)
    async with opened(source, tmp_path, position) as reader:
        await sent("x", "b")
        await sent("y", "c")
        assert (await read(reader, 1))[0] == ["y"]


async def test_a_session_that_the_broker_has_lost_is_said(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic)
    async with connected(source, tmp_path) as reader:
        await publish(mosquitto, topic, "one")
        _, position = await read(reader, 1)

    def forget() -> None:
        with Publisher(mosquitto, client_id=f"test-{topic}"):  # a clean start
            pass

    await trio.to_thread.run_sync(forget)
    with structlog.testing.capture_logs() as said:
        async with connected(source, tmp_path, position) as reader:
            await publish(mosquitto, topic, "two")
            assert (await read(reader, 1))[0] == ["two"]
    assert any("lost the session" in each["event"] for each in said)


async def test_a_broker_that_is_killed_is_named_and_comes_back(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    source = source_of(mosquitto, topic)
    async with connected(source, tmp_path) as reader:
        await publish(mosquitto, topic, "one")
        found, position = await read(reader, 1)
        mosquitto.kill()
        try:
            with patiently(20), pytest.raises(ServerAwayError, match=mosquitto.address):
                await read_on(reader)
        finally:
            mosquitto.start()
    async with connected(source, tmp_path, position) as reader:
        await publish(mosquitto, topic, "two")
        while "two" not in found:
            found += (await read(reader, 1))[0]
    # The broker may have been killed before it had noted that "one" was acknowledged.
    assert found in (["one", "two"], ["one", "one", "two"])


async def test_a_wrong_password_is_said_by_check_and_worker(
    mosquitto: Server, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("barley")
    where = f"mqtt://{USER}@127.0.0.1:{guarded_port(mosquitto)}"
    source = w.MqttSource(where, "allowed/x", client_id="guarded", password_file=str(file))
    with pytest.raises(ConfigurationError, match=r"Not authorized.*check user") as checked:
        await source.check_connected()
    async with opened(source, tmp_path) as reader:
        with patiently(20), pytest.raises(ConfigurationError) as worked:
            await reader.read()
    assert worked.value.message == checked.value.message
    assert "barley" not in worked.value.message
    file.write_text(PASSWORD)
    await source.check_connected()


async def test_nobody_there_is_said_by_check_and_worker(tmp_path: Path) -> None:
    source = w.MqttSource(f"mqtt://127.0.0.1:{free_port()}", "x", client_id="x")
    with pytest.raises(ServerAwayError, match="cannot be reached") as checked:
        await source.check_connected()
    async with opened(source, tmp_path) as reader:
        with patiently(20), pytest.raises(ServerAwayError) as worked:
            await reader.read()
    assert worked.value.message == checked.value.message


@pytest.mark.parametrize(
    ("topics", "options", "said"),
    [
        ((), {}, "at least one topic"),
        (("a+",), {}, "is no topic filter"),
        (("a/#/b",), {}, "is no topic filter"),
        (("$share/x/y",), {}, "is no topic filter"),
        (("a",), {"client_id": ""}, "client_id= is empty"),
        (("a",), {"clients": 0}, "clients=0: expected 1 to"),
        (("a",), {"share": "a/b"}, "expected a name without"),
        (("a",), {"retained": "all"}, "expected 'read' or 'ignore'"),
    ],
)
def test_wrong_options_are_named(
    topics: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(w.ApplicationError, match=said):
        w.MqttSource("mqtt://localhost", *topics, **{"client_id": "x", **options})


@pytest.mark.parametrize("wrong", ["http://localhost", "mqtt://", "mqtt://h/topic", "mqtt://h:x"])
def test_wrong_urls_are_refused(wrong: str) -> None:
    with pytest.raises(w.ApplicationError, match="MqttSource: "):
        w.MqttSource(wrong, "a", client_id="x")


@pytest.mark.long
def test_named_messages_are_counted_once_whoever_dies(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    """Workers and broker are killed; what the broker has acknowledged is counted."""
    with Publisher(mosquitto, client_id=topic, kept=True) as first:
        first.subscribe(topic)  # the session is there before anything is published

    def feed(numbers: range) -> None:
        with Publisher(mosquitto) as publisher:
            payloads = [str(number).encode() for number in numbers]
            publisher.publish_named(topic, payloads, map(str, numbers))

    def read() -> list[Pair]:
        return [
            tuple(map(int, line.split("\t")))
            for file in sorted((tmp_path / "out").glob("[!.]*"))
            for line in file.read_text().splitlines()
        ]

    options = f'"{topic}", client_id="{topic}", record=int, id_property="id"'
    count_through(
        f'w.MqttSource("{url(mosquitto)}", {options})',
        'w.FileSink("out")',
        feed=feed,
        read=read,
        directory=tmp_path,
        server=mosquitto,
        workers=1,
    )


@pytest.mark.long
async def test_the_kit_shows_that_what_the_broker_has_is_read_once(
    mosquitto: Server, topic: str, tmp_path: Path
) -> None:
    with Publisher(mosquitto, client_id=topic, kept=True) as first:
        first.subscribe(topic)
    file = tmp_path / "password"
    file.write_text("barley")
    where = f"mqtt://{USER}@127.0.0.1:{guarded_port(mosquitto)}"
    wrong = w.MqttSource(where, "allowed/x", client_id="wrong", password_file=str(file))
    with Publisher(mosquitto) as publisher:
        case = IntakeCase(
            source=source_of(mosquitto, topic, client_id=topic, id_property="id"),
            send=lambda text: publisher.publish_named(topic, [text.encode()], [text]),
            kills=5,
            wrong={"password": (wrong, "check user")},
            secrets=["barley"],
        )
        proof = await prove_intake(case, tmp_path / "kit")
    print(proof)
    assert not proof.untried
