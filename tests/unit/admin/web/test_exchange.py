"""One request and its answer: what is wrong with a request is said by the status code."""

from collections.abc import AsyncIterator

import pytest
import trio
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
        with trio.fail_after(60):
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
