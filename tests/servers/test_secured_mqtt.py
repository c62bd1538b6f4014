"""MQTT by TLS: it works, and a source and a sink say why where it does not."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from support.intakes import opened, read
from support.patience import patiently
from support.servers import mosquitto as mosquittos
from support.servers.certificates import Certificates
from support.servers.mosquitto import PASSWORD, USER, Publisher, lax_port
from support.servers.process import Server, demand, serving

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.model.errors import ConfigurationError


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def broker(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[Server]:
    """With the certificate that the test names; a good one without."""
    demand(mosquittos.missing())
    certificate = getattr(certificates, getattr(request, "param", "good"))
    with serving(functools.partial(mosquittos.secured, certificate=certificate)) as server:
        yield server


@pytest.fixture
def files(certificates: Certificates, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return {"password_file": str(tmp_path / "password"), "ca_file": str(certificates.ca)}


def source_of(server: Server, **options: Any) -> w.MqttSource[Any]:
    where = f"mqtts://{USER}@{server.address}"
    return w.MqttSource(where, "in/#", client_id="secured", format="text", **options)


def sink_of(server: Server, **options: Any) -> w.MqttSink:
    return w.MqttSink(f"mqtts://{USER}@{server.address}", "out", format="text", **options)


async def publish(server: Server, *payloads: str) -> None:
    def run() -> None:
        with Publisher(server, port=lax_port(server)) as publisher:
            publisher.publish("in/x", [each.encode() for each in payloads])

    await trio.to_thread.run_sync(run)


async def test_messages_come_and_go_by_tls(
    broker: Server, files: dict[str, str], tmp_path: Path
) -> None:
    """Some are larger than a record of TLS, and many come at once: none waits in its buffer."""
    source, sink = source_of(broker, **files), sink_of(broker, **files)
    await source.check_connected()
    await sink.check_connected()
    texts = [f"{number} " + "x" * (40_000 if number % 50 == 0 else 100) for number in range(500)]
    async with opened(source, tmp_path / "in") as reader:
        with patiently(20):
            await reader.read()
        await publish(broker, *texts)
        found, _ = await read(reader, 500)
    assert found == texts

    heard = w.MqttSource(
        f"mqtt://127.0.0.1:{lax_port(broker)}", "out", client_id="heard", format="text"
    )
    async with opened(heard, tmp_path / "heard") as reader:
        with patiently(20):
            await reader.read()
        at = SinkContext("app", "app-12345678", "alpha", "out", 0, str(tmp_path / "sink"))
        writer = await sink.open(at, None)
        await writer.write(texts)
        with patiently(20):
            await writer.commit(await writer.prepare())
        await writer.aclose()
        assert (await read(reader, 500))[0] == texts


async def refused(connector: Any, said: str) -> None:
    with patiently(30), pytest.raises(ConfigurationError, match=said) as caught:
        await connector.check_connected()
    assert PASSWORD not in caught.value.message
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ("expired", "TLS failed: .*expired.*: check ca_file="),
        ("elsewhere", r"TLS failed: .*not valid for '127.0.0.1'.*: check ca_file="),
    ],
    indirect=["broker"],
)
async def test_a_certificate_that_is_no_good_is_said(
    broker: Server, files: dict[str, str], said: str, tmp_path: Path
) -> None:
    source = source_of(broker, **files)
    for each in (source, sink_of(broker, **files)):
        await refused(each, said)
    async with opened(source, tmp_path / "in") as reader:
        with patiently(30), pytest.raises(ConfigurationError, match=said):
            await reader.read()


async def test_who_has_signed_it_and_who_comes_matters(
    broker: Server, certificates: Certificates, files: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("open barley")
    for make in (source_of, sink_of):
        stranger = {**files, "ca_file": str(certificates.other_ca)}
        await refused(make(broker, **stranger), "TLS failed: .*: check ca_file=")
        nobody = {**files, "password_file": str(tmp_path / "wrong")}
        await refused(make(broker, **nobody), "Not authorized.*check user")
        missing = {**files, "ca_file": str(tmp_path / "none")}
        await refused(make(broker, **missing), "none: No such file or directory")
    in_clear = w.MqttSink(
        f"mqtt://{USER}@{broker.address}", "out", password_file=files["password_file"]
    )
    with (
        patiently(30),
        pytest.raises(w.WallaroodError, match=r"closed the connection|reached"),
    ):
        await in_clear.check_connected()
