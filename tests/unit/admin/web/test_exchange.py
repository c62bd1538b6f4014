"""One request and its answer: what is wrong with a request is said by the status code."""

from collections.abc import AsyncIterator

import pytest
import trio
from support.patience import patiently
from trio.testing import memory_stream_pair

from wallarood.admin.web import exchange as http
from wallarood.admin.web.message import Events, Reply, Request, value_reply


async def numbers() -> AsyncIterator[str]:
    number = 0
    while True:
        number += 1
        yield str(number)
        await trio.sleep(1)


async def answer(request: Request) -> Reply | Events:
    if request.path == "/events":
        return Events(numbers())
    if request.path == "/slow":
        await trio.sleep_forever()
    return value_reply([request.method, request.path, dict(request.query)])


async def said_to(request: bytes) -> bytes:
    """What is said to *request*, until the connection is closed."""
    client, server = memory_stream_pair()
    said = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(http.exchange, server, answer)
        await client.send_all(request)
        with patiently(60):
            while part := await client.receive_some(65536):
                said += part
    return said


async def test_the_answer_is_json_of_the_length_that_is_told() -> None:
    head, _, body = (await said_to(b"GET /a?b=1 HTTP/1.1\r\nHost: a\r\n\r\n")).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b'["GET", "/a", {"b": "1"}]\n'
    assert f"Content-Length: {len(body)}".encode() in head


async def test_a_browser_is_told_to_load_nothing_from_elsewhere_and_to_keep_nothing() -> None:
    said = await said_to(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"Content-Security-Policy: default-src 'none'; script-src 'self';" in said
    assert b"frame-ancestors 'none'" in said
    assert b"Cache-Control: no-store" in said
    assert b"X-Content-Type-Options: nosniff" in said


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"\x00\xff\xfe garbage\r\n\r\n", b"400"),
        (b"GET /" + b"x" * (http.HEAD_BYTES_MAX + 10), b"431"),
        (b"GET /?" + b"&".join([b"a=1"] * 40) + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (
            b"POST /shutdown HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
            + b"x" * (http.BODY_BYTES_MAX + 10),
            b"413",
        ),
    ],
)
async def test_a_wrong_request_is_refused(request_bytes: bytes, code: bytes) -> None:
    assert (await said_to(request_bytes)).split(b" ")[1] == code


async def test_what_is_not_answered_in_time_is_given_up_with_a_word(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert (await said_to(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")).split(b" ")[1] == b"504"


async def test_a_slow_request_is_dropped(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaa":
                await client.send_all(bytes([byte]))
                await trio.sleep(1)

        nursery.start_soon(drip)
        with pytest.raises(trio.TooSlowError):
            await http.exchange(server, answer)
        assert trio.current_time() == pytest.approx(http.REQUEST_S, abs=0.1)
        nursery.cancel_scope.cancel()


async def test_events_come_one_by_one(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(http.exchange, server, answer)
        await client.send_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        said = b""
        while b"data: 3\n\n" not in said:
            said += bytes(await client.receive_some(65536))
        assert b"Content-Type: text/event-stream" in said
        assert trio.current_time() == pytest.approx(2, abs=0.1)
        nursery.cancel_scope.cancel()


async def test_who_does_not_take_the_events_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Stalled(trio.abc.SendStream):
        async def send_all(self, data: object) -> None:  # noqa: ARG002
            await trio.sleep_forever()

        async def wait_send_all_might_not_block(self) -> None:
            """It never is."""

        async def aclose(self) -> None:
            """There is nothing to close."""

    receive = trio.testing.MemoryReceiveStream()
    receive.put_data(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(trio.TooSlowError):
        await http.exchange(trio.StapledStream(Stalled(), receive), answer)


class Waiting:
    """Where a connection of a test waits for its next request."""

    async def next_of(self, stream: trio.abc.Stream) -> bytes:
        return bytes(await stream.receive_some(65536))


GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


async def all_said(*requests: bytes) -> list[bytes]:
    """What is said to each of *requests* on one connection, and after the last; then it closes."""
    client, server = memory_stream_pair()
    said = []
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await http.exchange(server, answer, idling=Waiting())
            await server.send_eof()

        nursery.start_soon(serve)
        for request in requests:
            await client.send_all(request)
            await trio.testing.wait_all_tasks_blocked()
            said.append(bytes(await client.receive_some(65536)))
        await client.send_eof()
    return said


async def test_a_connection_takes_one_request_after_the_other() -> None:
    said = await all_said(GET, GET, GET.replace(b"/a", b"/b"))
    assert [each.rpartition(b"\r\n\r\n")[2] for each in said] == [
        b'["GET", "/a", {}]\n',
        b'["GET", "/a", {}]\n',
        b'["GET", "/b", {}]\n',
    ]
    assert all(b"Connection: keep-alive" in each for each in said)


@pytest.mark.parametrize(
    "last",
    [
        GET.replace(b"Host", b"Connection: close\r\nHost"),
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET + GET,
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\nab"),
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_one_that_may_hide_another_or_wants_an_end_is_the_last(last: bytes) -> None:
    first, said = await all_said(GET, last)
    assert b"Connection: keep-alive" in first
    assert b"Connection: close" in said
    assert said.count(b"HTTP/1.1 ") == 1


async def test_the_head_of_an_answer_comes_without_its_body() -> None:
    said = await said_to(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert said.endswith(b"\r\n\r\n")
    assert b"Content-Length: 19" in said
    said = await said_to(b"HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"text/event-stream" in said
    assert said.endswith(b"\r\n\r\n")


async def test_what_h11_finds_wrong_is_wrong_each_time_and_few_requests_are_known() -> None:
    wrong = b"GET /a HTTP/1.1\r\n\r\n"
    for _ in range(2):
        assert (await said_to(wrong)).split(b" ")[1] == b"400"
    known = http.Known()
    for number in range(2 * http.KNOWN_MAX):
        known.add(b"%d" % number, Request("GET", f"/{number}"))
    assert known.get(b"0") is None
    assert known.get(b"%d" % (2 * http.KNOWN_MAX - 1)) is not None
    known.add(bytes(http.KNOWN_BYTES_MAX + 1), Request("GET", "/"))
    assert known.get(bytes(http.KNOWN_BYTES_MAX + 1)) is None
