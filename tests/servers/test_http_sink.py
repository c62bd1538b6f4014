"""The HTTP sink, against a server that takes each key once, or refuses."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio
from support.harness import hosts_in, wait_for
from support.patience import patiently
from support.ports import free_port
from support.servers.counting import Pair, count_into
from support.servers.hooks import TOKEN, forget, received
from support.servers.process import Server

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.model.errors import PeersGoneError, RecordsRefusedError
from wallarood.testing.connectors import SinkCase, prove_sink


@pytest.fixture(autouse=True)
def _nothing_there(hooks: Server) -> None:
    forget(hooks.directory)


def url(hooks: Server, path: str = "/records") -> str:
    return f"http://{hooks.address}{path}"


def lines(hooks: Server) -> list[Any]:
    return [json.loads(line) for _, body in received(hooks.directory) for line in body.splitlines()]


def at(directory: Path) -> SinkContext:
    return SinkContext("app", "app-12345678", "alpha", "out", 0, str(directory))


async def sent(sink: w.HttpSink, records: list[Any], directory: Path) -> Any:
    """Records in one checkpoint, which is published."""
    writer = await sink.open(at(directory), None)
    try:
        await writer.write(records)
        prepared = await writer.prepare()
        with patiently(20):
            await writer.commit(prepared)
        return prepared
    finally:
        await writer.aclose()


async def test_requests_have_the_numbers_of_their_records(hooks: Server, tmp_path: Path) -> None:
    sink = w.HttpSink(url(hooks), batch_records_max=2)
    await sent(sink, [1, 2, 3, 4, 5], tmp_path)
    name = "app-out@alpha-0-12345678"
    assert received(hooks.directory) == [
        (f"{name}-1-2", b"1\n2\n"),
        (f"{name}-3-4", b"3\n4\n"),
        (f"{name}-5-5", b"5\n"),
    ]


@pytest.mark.parametrize(
    ("options", "bodies"),
    [
        ({"body": "array"}, [b'[{"a":1},{"a":2}]']),
        ({"body": "record"}, [b'{"a":1}', b'{"a":2}']),
        ({"body": "lines", "batch_bytes_max": 8}, [b'{"a":1}\n', b'{"a":2}\n']),
        ({"method": "PUT"}, [b'{"a":1}\n{"a":2}\n']),
    ],
)
async def test_bodies_are_as_they_are_wanted(
    hooks: Server, tmp_path: Path, options: dict[str, Any], bodies: list[bytes]
) -> None:
    await sent(w.HttpSink(url(hooks), **options), [{"a": 1}, {"a": 2}], tmp_path)
    assert [body for _, body in received(hooks.directory)] == bodies


async def test_a_token_stands_in_a_file_and_is_never_said(hooks: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"Bearer {TOKEN}\n")
    sink = w.HttpSink(url(hooks, "/guarded"), secrets={"Authorization": str(file)})
    await sink.check_connected()
    await sent(sink, [1], tmp_path / "good")
    file.write_text("Bearer barley\n")
    with pytest.raises(w.WallaroodError, match=r"answers 401 Unauthorized.*check secrets=") as said:
        await sink.check_connected()
    with pytest.raises(RecordsRefusedError) as refused:
        await sent(sink, [2], tmp_path / "wrong")
    assert refused.value.message.endswith(said.value.message)
    assert "barley" not in refused.value.message + said.value.message
    assert lines(hooks) == [1]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/bad", "answers 400 Bad Request: no such thing"),
        ("/nowhere", "answers 404 Not Found: check the URL"),
        ("/moved", "redirects to http://elsewhere.example/, which is not followed"),
    ],
)
async def test_what_is_refused_for_good_stops_and_is_kept(
    hooks: Server, tmp_path: Path, path: str, said: str
) -> None:
    with pytest.raises(RecordsRefusedError, match=f"request app-out.*-1-1 of 2 bytes.*{said}"):
        await sent(w.HttpSink(url(hooks, path)), [1], tmp_path)
    assert [each.suffix for each in tmp_path.iterdir()] == [".spool"]


async def test_refused_requests_may_be_put_aside(hooks: Server, tmp_path: Path) -> None:
    aside = tmp_path / "refused"
    sink = w.HttpSink(url(hooks, "/bad"), refused_directory=str(aside), batch_records_max=1)
    await sent(sink, [1, 2], tmp_path / "spool")
    found = {each.name: each.read_bytes() for each in aside.iterdir()}
    name = "app-out@alpha-0-12345678"
    assert found[f"{name}-1-1.body"] == b"1\n"
    assert json.loads(found[f"{name}-2-2.json"])["answer"].startswith("400 Bad Request")
    elsewhere = w.HttpSink(url(hooks, "/nowhere"), refused_directory=str(aside))
    with pytest.raises(RecordsRefusedError):  # it is about the sink, not about what it sends
        await sent(elsewhere, [3], tmp_path / "other")


async def test_nothing_listens_or_no_such_host_is_said(tmp_path: Path) -> None:
    sink = w.HttpSink(f"http://127.0.0.1:{free_port()}/x?token=barley")
    with pytest.raises(PeersGoneError, match=r"http://127\.0\.0\.1:.*/x cannot be reached") as said:
        await sent(sink, [1], tmp_path)
    assert "barley" not in said.value.message
    with pytest.raises(w.WallaroodError) as checked:
        await sink.check_connected()
    assert checked.value.message == said.value.message


class Flaky(BaseHTTPRequestHandler):
    """Answers what is due, and notes what it was asked."""

    protocol_version = "HTTP/1.1"
    due: ClassVar[list[tuple[int, dict[str, str]]]] = []
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.headers["Idempotency-Key"])
        code, headers = self.due.pop(0) if self.due else (200, {})
        if code == 0:
            self.close_connection = True
            return
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def flaky() -> Iterator[str]:
    """The URL of a server that answers as `Flaky.due` says."""
    Flaky.due.clear()
    Flaky.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


async def test_what_time_mends_is_tried_again_with_the_same_key(flaky: str, tmp_path: Path) -> None:
    sink = w.HttpSink(flaky)
    writer = await sink.open(at(tmp_path), None)
    await writer.write([1])
    prepared = await writer.prepare()
    Flaky.due += [(503, {}), (429, {"Retry-After": "1"}), (0, {}), (500, {})]
    failed = 0
    began = trio.current_time()
    while True:
        try:
            await writer.commit(prepared)
            break
        except PeersGoneError:
            failed += 1
    await writer.aclose()
    assert failed >= 3  # the lost one, on a connection that was kept, is tried again at once
    assert trio.current_time() - began >= 1.0, "Retry-After was not heeded"
    assert len(set(Flaky.asked)) == 1


async def test_a_kept_connection_that_was_closed_is_made_again_at_once(
    flaky: str, tmp_path: Path
) -> None:
    writer = await w.HttpSink(flaky).open(at(tmp_path), None)
    for number in range(3):
        await writer.write([number])
        prepared = await writer.prepare()
        Flaky.due[:] = [(200, {})]
        await writer.commit(prepared)
        Flaky.due[:] = [(0, {})]  # the next request finds the connection closed
        await writer.write([number])
        prepared = await writer.prepare()
        await writer.commit(prepared)
    await writer.aclose()


async def test_a_line_end_in_a_record_is_found_when_it_is_made(
    hooks: Server, tmp_path: Path
) -> None:
    writer = await w.HttpSink(url(hooks), format="text").open(at(tmp_path), None)
    with pytest.raises(w.ApplicationError, match='choose body="record"'):
        await writer.write(["a\nb"])
    await writer.aclose()


@pytest.mark.parametrize(
    ("wrong", "options", "said"),
    [
        ("ftp://host/", {}, 'expected "http://HOST:PORT/PATH"'),
        ("http://user:word@host/", {}, "a password in a URL would be shown"),
        ("http://host/a b", {}, "write what is special as %XX"),
        ("http://host:0/", {}, "expected"),
        ("http://host:x/", {}, "cannot be read"),
        ("http://host/", {"headers": {"Host": "a"}}, "header 'Host' cannot be chosen"),
        ("http://host/", {"body": "array", "format": "text"}, "choose body='record'"),
        ("http://host/", {"body": "all"}, "expected one of 'lines', 'array', 'record'"),
        ("http://host/", {"method": "GET"}, "expected 'POST' or 'PUT'"),
        ("http://host/", {"batch_records_max": 0}, "expected 1 or more"),
        ("http://host/", {"answer_s": 0}, "expected more than 0"),
    ],
)
def test_wrong_options_are_named(wrong: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(w.ApplicationError, match=said) as error:
        w.HttpSink(wrong, **options)
    assert "word" not in error.value.message.partition("password")[0]


@pytest.mark.long
async def test_the_kit_shows_that_each_record_is_taken_once(hooks: Server, tmp_path: Path) -> None:
    secret = tmp_path / "wrong"
    secret.write_text("Bearer barley")
    guarded = w.HttpSink(url(hooks, "/guarded"), secrets={"Authorization": str(secret)})
    away = w.HttpSink(f"http://127.0.0.1:{free_port()}/")
    case = SinkCase(
        sink=w.HttpSink(url(hooks), format="json"),
        read=lambda: lines(hooks),
        server=hooks,
        kills=5,
        wrong={"token": (guarded, "401"), "nobody": (away, "cannot be reached")},
        secrets=["barley"],
    )
    proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    assert list(proof.untried) == ["marker lost"]


def read_pairs(hooks: Server) -> list[Pair]:
    return [(rest, count) for rest, count in lines(hooks)]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_counts_are_taken_once_whoever_dies(hooks: Server, tmp_path: Path, workers: int) -> None:
    sink = f'w.HttpSink("{url(hooks)}")'
    count_into(
        sink, lambda: read_pairs(hooks), directory=tmp_path, server=hooks, workers=workers, kills=3
    )


def test_a_wrong_token_ends_check_and_worker_and_nothing_is_lost(
    hooks: Server, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("Bearer barley")
    secrets = f'{{"Authorization": "{token}"}}'
    app = tmp_path / "app.py"
    app.write_text(
        "import wallarood as w\n"
        "numbers = w.source('in', w.GeneratorSource(lambda n: n, count=300))\n"
        f"sink = w.HttpSink('{url(hooks, '/guarded')}', secrets={secrets})\n"
        "app = w.application('a', numbers.to_sink(sink, name='out'))\n"
    )
    said = f"{url(hooks, '/guarded')} answers 401 Unauthorized: not Bearer …: check secrets="
    command = [sys.executable, "-m", "wallarood", "check", "--connect", str(app)]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 78, checked.stderr
    assert said in checked.stdout + checked.stderr
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start("alpha", str(app), "--cluster-id", "auto", initializer=True)
        assert worker.wait() == 78
        assert said in worker.said
        assert "barley" not in worker.said + checked.stdout + checked.stderr
        token.write_text(f"Bearer {TOKEN}")
        worker = hosts.start("alpha", str(app), "--cluster-id", "auto", initializer=True)
        wait_for("all is sent", lambda: len(lines(hooks)) >= 300)
        assert lines(hooks) == list(range(300))
