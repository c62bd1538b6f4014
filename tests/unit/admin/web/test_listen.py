"""HTTP over the network: with TLS and a token, and against clients that do not behave."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from support.clusters import healthy_cluster
from support.patience import patiently
from support.ports import free_port

from wallarood.admin.server import Answering
from wallarood.admin.web import listen
from wallarood.admin.web.listen import HttpSettings, TokenFile, open_http, serve_http, tls_of
from wallarood.model.errors import CannotCreateError, ConfigurationError
from wallarood.model.ids import Address
from wallarood.net.authority import issue, make_authority

TOKEN = b"0123456789abcdef"


def answering() -> Answering:
    made = healthy_cluster()
    return Answering(lambda: made.cluster.asked, lambda: made.topology, {"reload": lambda _: "ok"})


@asynccontextmanager
async def serving(
    token: bytes | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    port = free_port()
    settings = HttpSettings(Address("127.0.0.1", port), token, tls)
    listeners = await open_http(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_http, listeners, settings, answering())
        yield port
        nursery.cancel_scope.cancel()
    for each in listeners:
        await each.aclose()


async def asked(stream: trio.abc.Stream, target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    await stream.send_all("\r\n".join([*lines, "", ""]).encode())
    said = b""
    with patiently(10):
        while part := await stream.receive_some(65536):
            said += bytes(part)
    return said


async def ask(port: int, target: str, *headers: str, method: str = "GET") -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        return await asked(stream, target, *headers, method=method)


async def test_the_same_is_answered_as_on_the_socket() -> None:
    async with serving() as port:
        head, _, body = (await ask(port, "/api/v1/status")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert json.loads(body)["worker"] == "alpha"
        assert b"wallarood_up" in await ask(port, "/metrics")
        assert b"<title>wallarood" in await ask(port, "/")


async def test_orders_need_the_token() -> None:
    async with serving() as port:
        assert b" 403 " in await ask(port, "/api/v1/reload", method="POST")
    async with serving(TOKEN) as port:
        assert b" 401 " in await ask(port, "/api/v1/reload", method="POST")
        shown = f"Authorization: Bearer {TOKEN.decode()}"
        assert b" 202 " in await ask(port, "/api/v1/reload", shown, method="POST")


async def test_tls_is_spoken_and_what_is_not_tls_gets_nothing(tmp_path: Path) -> None:
    make_authority(tmp_path / "ca")
    issue(tmp_path / "ca", "alpha", tmp_path / "alpha", days=2)
    tls = tls_of(tmp_path / "alpha" / "worker.crt", tmp_path / "alpha" / "worker.key")
    async with serving(TOKEN, tls) as port:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca" / "ca.crt"))
        context.check_hostname = False  # the certificate names a worker
        async with await trio.open_tcp_stream("127.0.0.1", port) as raw:
            stream = trio.SSLStream(raw, context, https_compatible=True)
            shown = f"Authorization: Bearer {TOKEN.decode()}"
            assert b" 200 " in await asked(stream, "/metrics", shown)
        with pytest.raises((trio.BrokenResourceError, AssertionError)):
            assert b"HTTP/1.1" in await ask(port, "/healthz")


async def test_silent_clients_keep_nobody_out_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallarood.admin.web.exchange.REQUEST_S", 0.2)
    async with serving() as port:
        silent = [
            await trio.open_tcp_stream("127.0.0.1", port)
            for _ in range(listen.CONNECTIONS_MAX + 20)
        ]
        with patiently(10):
            while True:
                try:
                    if b" 200 " in await ask(port, "/healthz"):
                        break
                except trio.BrokenResourceError:
                    await trio.sleep(0.05)
        for stream in silent:
            await trio.aclose_forcefully(stream)


async def test_an_address_in_use_is_said_with_the_key() -> None:
    async with serving() as port:
        settings = HttpSettings(Address("127.0.0.1", port))
        with pytest.raises(CannotCreateError, match=r"in use \(admin.http\)"):
            await open_http(settings)


@pytest.mark.parametrize("content", [b"", b"short\n", "a token with ümläuts".encode()])
def test_a_token_must_be_long_enough(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"admin.token-file: .*16 ASCII characters"):
        TokenFile(path).read()
    path.write_bytes(TOKEN + b"\n")
    assert TokenFile(path).read() == TOKEN
    with pytest.raises(ConfigurationError, match="No such file"):
        TokenFile(tmp_path / "none").read()


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.crt"
    path.write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"admin.certificate: .*x.crt"):
        tls_of(path, path)


SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"


async def answered(stream: trio.abc.Stream) -> bytes:
    """One answer on a connection that is kept."""
    said = b""
    with patiently(10):
        while b"\r\n\r\n" not in said:
            said += bytes(await stream.receive_some(65536))
        head, _, body = said.partition(b"\r\n\r\n")
        size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        while len(body) < size:
            body += bytes(await stream.receive_some(65536))
    assert len(body) == size
    return body


async def test_a_scraper_keeps_its_connection_and_gets_way_to_others() -> None:
    async with serving() as port:
        kept = [
            await trio.open_tcp_stream("127.0.0.1", port) for _ in range(listen.CONNECTIONS_MAX)
        ]
        for stream in kept * 2:
            await stream.send_all(SCRAPE)
            assert b"wallarood_up" in await answered(stream)
        assert b" 200 " in await ask(port, "/healthz"), "the one that has waited longest has gone"
        with patiently(5):
            assert await kept[0].receive_some(1) == b""
        await kept[-1].send_all(SCRAPE)
        assert b"wallarood_up" in await answered(kept[-1])
        for stream in kept:
            await trio.aclose_forcefully(stream)


async def test_the_token_is_asked_for_with_each_request_of_a_connection() -> None:
    shown = SCRAPE.replace(b"Accept: */*", b"Authorization: Bearer " + TOKEN)
    async with serving(TOKEN) as port, await trio.open_tcp_stream("127.0.0.1", port) as stream:
        for _ in range(2):
            await stream.send_all(shown)
            assert b"wallarood_up" in await answered(stream)
            await stream.send_all(SCRAPE)
            assert b"expected the header Authorization" in await answered(stream)
