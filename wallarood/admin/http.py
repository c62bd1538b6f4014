"""One request of a connection to the admin socket, and its answer."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import h11
import trio

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 64 << 10
READ_BYTES = 16 << 10

Answer: TypeAlias = Callable[[str, str], Awaitable[tuple[int, Any]]]
"""From the method and the target of a request to its status code and JSON value."""


async def exchange(stream: trio.SocketStream, answer: Answer) -> None:
    """Answer the one request of a connection. Raises trio.BrokenResourceError: it is gone."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    try:
        request = await _request(stream, http)
        if request is None:
            return
        target = request.target.decode("ascii", "replace")
        code, value = await answer(request.method.decode("ascii", "replace"), target)
    except h11.RemoteProtocolError as error:
        code, value = error.error_status_hint, {"error": str(error)}
    if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
        await stream.send_all(_response(http, code, value))
        await stream.send_eof()


async def _request(stream: trio.SocketStream, http: h11.Connection) -> h11.Request | None:
    request: h11.Request | None = None
    body_bytes = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await stream.receive_some(READ_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body_bytes += len(event.data)
            if body_bytes > BODY_BYTES_MAX:
                raise h11.RemoteProtocolError("the request body is too long", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            return request
        else:
            return None


def _response(http: h11.Connection, code: int, value: Any) -> bytes:
    body = json.dumps(value).encode() + b"\n"
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    parts = (
        h11.Response(status_code=code, headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(http.send(part) or b"" for part in parts)
