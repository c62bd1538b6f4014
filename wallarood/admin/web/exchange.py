"""The requests of a connection and their answers. What a client may send, and take, is bounded."""
# Theory of operation
# ===================
# The head of a request, its body and the time until it is whole are bounded, and so is the time in
# which the client takes what is answered: a client that stands still is dropped. An event stream
# goes on, as long as the client takes each event in time.
#
# On a unix socket a connection is one request. Over the network it is kept for the next one, if
# there is a place for it: a monitoring system asks again and again. Its requests are the same byte
# by byte, so those that h11 has found right lately are known by their bytes. A client that sends
# more than one request at once, or a body, gets one answer.

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import aclosing
from http import HTTPStatus
from typing import Protocol

import attrs
import h11
import trio

from wallarood.admin.web.message import Answer, Events, Reply, Request, error_reply

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 64 << 10
READ_BYTES = 16 << 10
REQUEST_S = 5.0
ANSWER_S = 30.0
SEND_S = 10.0
KEEP, CLOSE = "keep-alive", "close"
KNOWN_MAX = 64
KNOWN_BYTES_MAX = 2 << 10

SECURITY: tuple[tuple[str, str], ...] = (
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
"""What every answer tells a browser: nothing of others, nothing within others, nothing kept."""
_SECURITY = "".join(f"{name}: {value}\r\n" for name, value in SECURITY)


class Idling(Protocol):
    """Where a connection waits for its next request."""

    async def next_of(self, stream: trio.abc.Stream) -> bytes:
        """The first bytes of it; none if the connection is to be closed."""


class Known:
    """Requests without a body, by their bytes: those that came last."""

    def __init__(self) -> None:
        self._requests: OrderedDict[bytes, Request] = OrderedDict()

    def get(self, data: bytes) -> Request | None:
        """The request that *data* is, if it came lately."""
        request = self._requests.get(data)
        if request is not None:
            self._requests.move_to_end(data)
        return request

    def add(self, data: bytes, request: Request) -> None:
        """*data* is *request*, and nothing else."""
        if len(data) <= KNOWN_BYTES_MAX:
            self._requests[data] = request
            while len(self._requests) > KNOWN_MAX:
                self._requests.popitem(last=False)


_known = Known()


async def exchange(
    stream: trio.abc.Stream, answer: Answer, *, client: str = "", idling: Idling | None = None
) -> None:
    """Answer the requests of a connection: one, unless it can wait in *idling*.

    *client* is its address, empty on a unix socket.

    Raises trio.BrokenResourceError: it is gone. Raises trio.TooSlowError: it stands still.
    """
    data = b""
    while True:
        request = _known.get(data) or await _asked(stream, data)
        if request is None:
            return
        connection, method = CLOSE, ""
        reply: Reply | Events | None = None
        # A scope costs about as much as all else here: there is one for the answer and its way.
        with trio.move_on_after(ANSWER_S) as limit:
            if isinstance(request, Reply):
                reply = request
            else:
                if request.keeps and idling is not None:
                    connection = KEEP
                method = request.method
                reply = await _answered(answer, request, client)
            if isinstance(reply, Reply):
                limit.deadline = trio.current_time() + SEND_S
                await _send(stream, reply, connection=connection, method=method)
        if isinstance(reply, Events):
            await _send_events(stream, reply, method=method)
            await _end(stream)
            return
        if limit.cancelled_caught:
            if reply is not None:
                raise trio.TooSlowError
            with trio.fail_after(SEND_S):
                late = error_reply(504, "there was no answer in time")
                await _send(stream, late, connection=connection, method=method)
        if idling is None or connection == CLOSE:
            return
        data = await idling.next_of(stream)
        if not data:
            return


async def _answered(answer: Answer, request: Request, client: str) -> Reply | Events:
    try:
        return await answer(attrs.evolve(request, client=client) if client else request)
    except ValueError as error:
        return error_reply(400, str(error))


async def _send(stream: trio.abc.Stream, reply: Reply, *, connection: str, method: str) -> None:
    await stream.send_all(_response(reply, connection=connection, method=method))
    if connection == CLOSE:
        await _end(stream)


async def _asked(stream: trio.abc.Stream, data: bytes) -> Request | Reply | None:
    """As `_request`, but what is wrong is answered."""
    try:
        with trio.fail_after(REQUEST_S):
            return await _request(stream, data)
    except h11.RemoteProtocolError as error:
        return error_reply(error.error_status_hint, str(error))
    except ValueError as error:
        return error_reply(400, str(error))


async def _request(stream: trio.abc.Stream, data: bytes) -> Request | None:
    """The next request, which begins with *data*; None: the client closes the connection.

    Raises h11.RemoteProtocolError or ValueError: it is wrong.
    """
    data = data or bytes(await stream.receive_some(READ_BYTES))
    if (known := _known.get(data)) is not None:
        return known
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    http.receive_data(data)
    request, body_bytes, parts = None, 0, 1
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(READ_BYTES)))
            parts += 1
        elif isinstance(event, h11.Request):
            request = _request_of(event)
        elif isinstance(event, h11.Data):
            body_bytes += len(event.data)
            if body_bytes > BODY_BYTES_MAX:
                raise h11.RemoteProtocolError("the request body is too long", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            alone = request is not None and not body_bytes and not http.trailing_data[0]
            if request is None or not alone or request.method not in ("GET", "HEAD"):
                return None if request is None else attrs.evolve(request, keeps=False)
            if parts == 1:
                _known.add(data, request)
            return request
        else:
            return None


def _request_of(event: h11.Request) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    asks = {each.strip().lower() for each in headers.get("connection", "").split(",")}
    request = Request.of(
        event.method.decode("ascii", "replace"), event.target.decode("ascii", "replace"), headers
    )
    return attrs.evolve(request, keeps=event.http_version == b"1.1" and "close" not in asks)


def _response(reply: Reply, *, connection: str, method: str) -> bytes:
    headers = (
        ("Content-Type", reply.kind),
        ("Content-Length", str(len(reply.body))),
        *reply.headers,
    )
    head = _head(reply.code, headers, connection=connection)
    return head if method == "HEAD" else head + reply.body


def _head(code: int, headers: Iterable[tuple[str, str]], *, connection: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    said = f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n{lines}{_SECURITY}"
    return f"{said}Connection: {connection}\r\n\r\n".encode("latin-1")


async def _send_events(stream: trio.abc.Stream, events: Events, *, method: str) -> None:
    """What follows the head has no end but that of the connection."""
    headers = (("Content-Type", "text/event-stream"),)
    async with aclosing(events.lines) as lines:
        with trio.fail_after(SEND_S):
            await stream.send_all(_head(200, headers, connection=CLOSE))
        if method == "HEAD":
            return
        async for line in lines:
            with trio.fail_after(SEND_S):
                await stream.send_all(f"data: {line}\n\n".encode())


async def _end(stream: trio.abc.Stream) -> None:
    if isinstance(stream, trio.abc.HalfCloseableStream):
        await stream.send_eof()
