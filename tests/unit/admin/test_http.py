"""One request and its answer: what is wrong with a request is said by the status code."""

from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair

from wallarood.admin import http


async def answer(method: str, target: str) -> tuple[int, Any]:
    return 200, [method, target]


async def said_to(request: bytes) -> bytes:
    """What is said to *request*, until the connection is closed."""
    client, server = memory_stream_pair()
    said = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(http.exchange, server, answer)
        await client.send_all(request)
        with trio.fail_after(5):
            while part := await client.receive_some(65536):
                said += part
    return said


async def test_the_answer_is_json_of_the_length_that_is_told() -> None:
    head, _, body = (await said_to(b"GET /a?b=1 HTTP/1.1\r\nHost: a\r\n\r\n")).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b'["GET", "/a?b=1"]\n'
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"\x00\xff\xfe garbage\r\n\r\n", b"400"),
        (b"GET /" + b"x" * (http.HEAD_BYTES_MAX + 10), b"431"),
        (
            b"POST /shutdown HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
            + b"x" * (http.BODY_BYTES_MAX + 10),
            b"413",
        ),
    ],
)
async def test_a_wrong_request_is_refused(request_bytes: bytes, code: bytes) -> None:
    assert (await said_to(request_bytes)).split(b" ")[1] == code
