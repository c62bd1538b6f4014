"""An HTTP source, on real sockets: what is answered with 200 is read, once, whatever happens."""

import contextlib
import hmac
import socket
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently
from support.ports import free_port
from support.web import exchanged, post, posted

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits, SourceReader
from wallarood.connectors.http import exchange, server
from wallarood.connectors.journal.intake import Intake

LIMITS = SourceLimits(batch_records_max=10)


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """Where a source runs whose journal is below the test's directory."""
    return SourceContext("in", directory=str(tmp_path / "sources"), limits=LIMITS)


@contextlib.asynccontextmanager
async def opened(
    where: SourceContext, *, position: int | None = None, port: int = 0, **options: Any
) -> AsyncIterator[tuple[Intake, int]]:
    port = port or free_port()
    source: Any = w.HttpSource(f"127.0.0.1:{port}", **options)
    reader = await source.open("in", position, where)
    try:
        yield reader, port
    finally:
        await reader.aclose()


async def records_of(reader: SourceReader[Any], count: int) -> list[Any]:
    found: list[Any] = []
    with patiently(10):
        while len(found) < count:
            batch = await reader.read()
            assert batch is not None
            found += batch.records
    return found


async def test_a_body_is_a_record_and_is_read_again_from_its_position(where: SourceContext) -> None:
    async with opened(where, record=dict[str, int]) as (reader, port):
        for number in range(3):
            said = await posted(port, b'{"n": %d}' % number)
            assert (said.code, said.body) == (200, b'{"records": 1}\n')
        batch = await reader.read()
        assert batch.records == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert batch.position == 3
        assert batch.times == sorted(batch.times or [])
    async with opened(where, record=dict[str, int], position=1) as (reader, port):
        again = await reader.read()
        assert again.records == [{"n": 1}, {"n": 2}]
        assert again.times == (batch.times or [])[1:]
        assert (await posted(port, b'{"n": 3}')).code == 200
        assert await records_of(reader, 1) == [{"n": 3}]


async def test_lines_and_arrays_are_taken_whole_or_not_at_all(where: SourceContext) -> None:
    async with opened(where, body="lines", record=int) as (reader, port):
        assert (await posted(port, b"1\r\n2\n\n3")).body == b'{"records": 3}\n'
        said = await posted(port, b"4\nfive\n6\n")
        assert said.code == 400
        assert b"record 2: " in said.body
        said = await posted(port, b"1\n" * 20_001)
        assert (said.code, b"expected up to 20,000" in said.body) == (400, True)
        assert await records_of(reader, 3) == [1, 2, 3]
    async with opened(where, body="array", record=int, position=3) as (reader, port):
        assert (await posted(port, b"[]")).body == b'{"records": 0}\n'
        assert (await posted(port, b"[7, 8]")).body == b'{"records": 2}\n'
        for wrong in (b"[7", b"7", b'[7, "8"]', b"[" * 100_000):
            assert (await posted(port, wrong)).code == 400
        assert await records_of(reader, 2) == [7, 8]


async def test_messages_have_path_query_and_headers_but_no_credentials(
    where: SourceContext,
) -> None:
    options: dict[str, Any] = {"messages": True, "path": "/hooks/*", "format": "text"}
    async with opened(where, **options) as (reader, port):
        about = {"X_Event": "push", "Authorization": "Bearer sesame", "Cookie": "a=b"}
        assert (await posted(port, b"hello", "/hooks/a?b=c", **about)).code == 200
        (message,) = await records_of(reader, 1)
    assert (message.value, message.path, message.query) == ("hello", "/hooks/a", "b=c")
    assert message.headers["x-event"] == "push"
    assert not {"authorization", "cookie"} & set(message.headers)
    async with opened(where, **options, position=0) as (reader, _):
        assert await records_of(reader, 1) == [message]


async def test_what_is_no_request_for_it_is_refused_with_its_code(where: SourceContext) -> None:
    async with opened(where, path="/hook", body_bytes_max=100, format="text") as (_, port):
        assert (await posted(port, b"x", "/other")).code == 404
        said = await posted(port, b"x", "/hook", method="PUT")
        assert (said.code, said.headers["Allow"]) == (405, "POST")
        assert (await posted(port, b"x", "/hook?a=b")).code == 200
        assert (await posted(port, b"x" * 100, "/hook")).code == 200
        assert (await posted(port, b"x" * 101, "/hook")).code == 413
        assert (await posted(port, b"x", "/hook", Content_Encoding="gzip")).code == 415
        assert (await posted(port, b"\xff", "/hook")).code == 400
        said = await posted(port, b"x", "/hook", X_Large="y" * 40_000)
        assert said.code == 431
        ask = partial(trio.to_thread.run_sync, exchanged, port)
        assert (await ask(b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        large = b"POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        large += b"65\r\n" + b"x" * 101 + b"\r\n"
        assert (await ask(large)).startswith(b"HTTP/1.1 413 ")


async def test_a_connection_serves_one_request_after_another(where: SourceContext) -> None:
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d"
    last = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n9"
    async with opened(where) as (reader, port):
        sent = b"".join(request % number for number in range(9)) + last
        said = await trio.to_thread.run_sync(exchanged, port, sent)
        assert said.count(b"HTTP/1.1 200 ") == 10
        assert await records_of(reader, 10) == list(range(10))


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(where: SourceContext) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"

    def send(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head)
            told = connection.recv(1000)
            connection.sendall(b"true")
            return told + connection.recv(1000)

    async with opened(where) as (_, port):
        said = await trio.to_thread.run_sync(send, port)
        assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


async def test_slow_clients_are_told_so_and_others_are_served_meanwhile(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BODY_S", 1.5)  # also for those who are served
    monkeypatch.setattr(exchange, "HEAD_S", 1.5)
    unfinished = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ntr"
    async with opened(where) as (reader, port), trio.open_nursery() as nursery:
        said: dict[bytes, bytes] = {}

        async def ask(sent: bytes) -> None:
            said[sent] = await trio.to_thread.run_sync(exchanged, port, sent)

        for sent in (unfinished, b"POST / HT", b""):
            nursery.start_soon(ask, sent)
        assert (await posted(port, b"true")).code == 200
        assert await records_of(reader, 1) == [True]
    assert said[unfinished].startswith(b"HTTP/1.1 408 ")
    assert said[b"POST / HT"].startswith(b"HTTP/1.1 408 ")
    assert said[b""] == b""


async def test_silent_connections_do_not_keep_others_out(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLIENTS_MAX", 5)
    async with opened(where) as (_, port):
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in range(5):
                assert (await posted(port, b"1")).code == 200


async def test_bodies_of_all_clients_together_have_a_limit(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODIES_BYTES_MAX", 1000)
    async with opened(where, format="bytes") as (_, port):
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head + b"x" * 900)
            with patiently(10):
                while (said := await posted(port, b"y" * 200)).code == 200:
                    pass
            assert (said.code, said.headers["Retry-After"]) == (503, "5")
        with patiently(10):
            while (await posted(port, b"y" * 200)).code == 503:
                pass


async def test_a_full_journal_says_when_to_come_again(where: SourceContext) -> None:
    async with opened(where, format="bytes", journal_bytes_max=1000) as (reader, port):
        codes = []
        while not codes or codes[-1] == 200:
            said = await posted(port, b"x" * 300)
            codes.append(said.code)
        assert (codes[-1], said.headers["Retry-After"]) == (503, "5")
        kept = codes.count(200)
        assert kept > 1
        assert len(await records_of(reader, kept)) == kept
        await reader.committed(kept)
        assert (await posted(port, b"x")).code == 200


async def test_a_disk_that_is_full_is_said_and_nothing_is_taken(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(where) as (reader, port):
        assert (await posted(port, b"1")).code == 200

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("wallarood.connectors.journal.files.write_all", full)
            assert (await posted(port, b"2")).code == 503
        assert (await posted(port, b"3")).code == 200
        assert await records_of(reader, 2) == [1, 3]


async def test_a_request_that_comes_again_with_its_name_is_counted_once(
    where: SourceContext,
) -> None:
    async with opened(where) as (reader, port):
        named = partial(posted, port, Idempotency_Key="a")
        assert (await named(b"1")).body == b'{"records": 1}\n'
        assert (await named(b"1")).body == b'{"records": 0, "repeated": true}\n'
        assert (await named(b"2")).code == 422
        assert (await posted(port, b"2")).code == 200
        assert await records_of(reader, 2) == [1, 2]
        await reader.committed(2)
    async with opened(where, position=2) as (reader, port):
        assert (await posted(port, b"1", Idempotency_Key="a")).body.count(b"repeated")
        assert (await posted(port, b"3")).code == 200
        assert await records_of(reader, 1) == [3]
    async with opened(where, position=3, id_header="X-Delivery") as (reader, port):
        assert (await posted(port, b"4", Idempotency_Key="a")).body == b'{"records": 1}\n'
        assert (await posted(port, b"4", X_Delivery="b")).body == b'{"records": 1}\n'
        assert (await posted(port, b"4", X_Delivery="b")).body.count(b"repeated")


async def test_only_signed_requests_are_taken(where: SourceContext, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame\n")
    signed: dict[str, Any] = {"signature": "github", "secret_file": str(tmp_path / "secret")}
    async with opened(where, **signed) as (reader, port):
        value = hmac.new(b"sesame", b"1", sha256).hexdigest()
        assert (await posted(port, b"1", X_Hub_Signature_256=f"sha256={value}")).code == 200
        said = await posted(port, b"2", X_Hub_Signature_256=f"sha256={value}")
        assert said.code == 401
        assert b"sesame" not in said.body
        assert (await posted(port, b"2")).code == 401
        assert await records_of(reader, 1) == [1]


async def test_what_cannot_be_decoded_is_taken_if_it_is_to_be_skipped(
    where: SourceContext,
) -> None:
    async with opened(where, record=int, on_error="skip") as (reader, port):
        for body in (b"1", b"two", b"3"):
            assert (await posted(port, body)).code == 200
        batch = await reader.read()
        assert batch.records == [1, 3]
        assert [each.raw for each in batch.unreadable] == [b"two"]
        assert len(batch.times or []) == 2


async def test_more_than_is_kept_in_memory_is_read_from_the_journal(
    where: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallarood.connectors.journal.intake.MEMORY_BYTES_MAX", 500)
    async with opened(where, body="lines") as (reader, port):
        found: list[int] = []
        for turn in range(8):
            lines = b"".join(b"%d\n" % number for number in range(turn * 30, turn * 30 + 30))
            assert (await posted(port, lines)).code == 200
            if turn % 3 == 2:
                found += await records_of(reader, 25)
        found += await records_of(reader, 240 - len(found))
        assert found == list(range(240))
        assert reader.caught_up


async def test_requests_of_many_clients_at_once_are_each_read_once(where: SourceContext) -> None:
    async with opened(where) as (reader, port):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(posted, port, b"%d" % number)
        assert sorted(await records_of(reader, 20)) == list(range(20))


async def test_nothing_listens_any_more_when_it_is_closed(where: SourceContext) -> None:
    async with opened(where) as (_, port):
        assert (await posted(port, b"1")).code == 200
    with pytest.raises(ConnectionRefusedError):
        post(port, b"2")
    async with opened(where, port=port, position=0) as (reader, _):
        assert await records_of(reader, 1) == [1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "hook"}, "begins with /"),
        ({"path": "/a*b"}, "may end with"),
        ({"signature": "github"}, "signature= and secret_file= need each other"),
        ({"signature": "md5", "secret_file": "x"}, "expected one of None, 'github', 'stripe'"),
        ({"certificate_file": "x"}, "certificate_file= and key_file= need each other"),
        ({"body": "array", "format": "text"}, 'needs format="json"'),
        ({"body": "lines", "format": "msgpack"}, "no lines"),
        ({"body_bytes_max": 0}, "expected 1 or more"),
        ({"scope": "global"}, "expected one of 'shared', 'local'"),
        ({"on_error": "ignore"}, "on_error"),
        ({"format": "text", "record": int}, "record is for"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(w.ApplicationError, match=said):
        w.HttpSource("127.0.0.1:0", **options)


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(w.ApplicationError, match="HttpSource: address 'here': expected HOST:PORT"):
        w.HttpSource("here")


async def test_the_check_and_the_worker_say_the_same_of_files(
    where: SourceContext, tmp_path: Path
) -> None:
    none = str(tmp_path / "none")
    wrong: list[dict[str, Any]] = [
        {"signature": "github", "secret_file": none},
        {"certificate_file": none, "key_file": none},
    ]
    for options in wrong:
        source: Any = w.HttpSource("127.0.0.1:0", **options)
        with pytest.raises(w.WallaroodError, match=f"HttpSource: {none}: No such file") as checked:
            source.check()
        with pytest.raises(w.WallaroodError) as worked:
            await source.open("in", None, where)
        assert worked.value.message == checked.value.message
        assert worked.value.exit_code == 78
