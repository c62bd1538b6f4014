"""HTTPS: a source with a certificate, and a sink that looks at it."""

import os
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from support.certificates import Made, certified
from support.intakes import opened, read
from support.patience import patiently
from support.ports import free_port
from support.web import exchanged, posted

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.http.certificates import Certificate
from wallarood.model.errors import ConfigurationError, PeersGoneError


def source_with(made: Made, port: int) -> Any:
    return w.HttpSource(
        f"127.0.0.1:{port}",
        body="lines",
        certificate_file=str(made.certificate),
        key_file=str(made.key),
    )


async def sent(sink: w.HttpSink, records: list[Any], directory: Path) -> None:
    context = SinkContext("app", "app-12345678", "alpha", "out", 0, str(directory))
    writer = await sink.open(context, None)
    try:
        await writer.write(records)
        prepared = await writer.prepare()
        with patiently(20):
            await writer.commit(prepared)
    finally:
        await writer.aclose()


async def test_a_sink_sends_to_a_source_over_https(tmp_path: Path) -> None:
    made, port = certified(tmp_path / "a"), free_port()
    async with opened(source_with(made, port), tmp_path / "in") as reader:
        sink = w.HttpSink(f"https://127.0.0.1:{port}/", ca_file=str(made.authority))
        await sink.check_connected()
        await sent(sink, list(range(2000)), tmp_path / "out")
        assert (await read(reader, 2000))[0] == list(range(2000))


@pytest.mark.parametrize("days", [1, -1])
async def test_a_certificate_of_another_authority_or_time_is_refused(
    tmp_path: Path, days: float
) -> None:
    made, port = certified(tmp_path / "a", days=days), free_port()
    authority = made.authority if days < 0 else certified(tmp_path / "b").authority
    said = "certificate has expired" if days < 0 else "certificate verify failed"
    async with opened(source_with(made, port), tmp_path / "in") as reader:
        sink = w.HttpSink(f"https://127.0.0.1:{port}/", ca_file=str(authority))
        with pytest.raises(ConfigurationError, match=f"TLS failed: .*{said}") as checked:
            await sink.check_connected()
        with pytest.raises(PeersGoneError) as worked:
            await sent(sink, [1], tmp_path / "out")
        assert worked.value.message == checked.value.message
        plain = w.HttpSink(f"http://127.0.0.1:{port}/")
        with pytest.raises(PeersGoneError):
            await sent(plain, [1], tmp_path / "plain")
        assert reader.caught_up


async def test_a_renewed_certificate_is_taken_for_new_connections(tmp_path: Path) -> None:
    made, port = certified(tmp_path / "a"), free_port()
    async with opened(source_with(made, port), tmp_path / "in"):
        context = ssl.create_default_context(cafile=made.authority)
        assert (await posted(port, b"1", tls=context)).code == 200
        renewed = certified(tmp_path / "b")
        shutil.copy(renewed.key, made.key)
        shutil.copy(renewed.certificate, made.certificate)
        context = ssl.create_default_context(cafile=renewed.authority)
        assert (await posted(port, b"2", tls=context)).code == 200
        made.certificate.write_text("nonsense")
        assert (await posted(port, b"3", tls=context)).code == 200


async def test_plain_requests_and_silence_are_no_harm(tmp_path: Path) -> None:
    made, port = certified(tmp_path / "a"), free_port()
    async with opened(source_with(made, port), tmp_path / "in") as reader:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
        said = await trio.to_thread.run_sync(exchanged, port, request)
        assert b"HTTP/1.1" not in said
        context = ssl.create_default_context(cafile=made.authority)
        assert (await posted(port, b"2", tls=context)).code == 200
        assert (await read(reader, 1))[0] == [2]


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    one, other = certified(tmp_path / "a"), certified(tmp_path / "b")
    with pytest.raises(ConfigurationError, match=f"{other.key} is not its private key"):
        Certificate(str(one.certificate), str(other.key), "HttpSource").context()
    one.certificate.write_text("nonsense")
    os.utime(one.certificate)
    with pytest.raises(ConfigurationError, match="not a certificate with its private key"):
        Certificate(str(one.certificate), str(one.key), "HttpSource").context()
