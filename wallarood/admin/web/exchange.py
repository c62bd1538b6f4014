"""One request of a connection and its answer. What a client may send, and take, is bounded."""
# Theory of operation
# ===================
# A connection is one request. Its head, its body and the time until it is whole are bounded, and so
# is the time in which the client takes what is answered: a client that stands still is dropped. An
# event stream goes on, as long as the client takes each event in time.

from contextlib import aclosing

import h11
import trio

from wallarood.admin.web.message import Answer, Events, Reply, Request, error_reply

HEAD_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 64 << 10
READ_BYTES = 16 << 10
REQUEST_S = 5.0
ANSWER_S = 30.0
SEND_S = 10.0

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


async def exchange(stream: trio.abc.Stream, answer: Answer, *, client: str = "") -> None:
    """Answer the one request of a connection. *client* is its address, empty on a unix socket.

    Raises trio.BrokenResourceError: it is gone. Raises trio.TooSlowError: it stands still.
    """
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    try:
        with trio.fail_after(REQUEST_S):
            request = await _request(stream, http, client)
        if request is None:
            return
        with trio.move_on_after(ANSWER_S) as waiting:
            reply = await answer(request)
        if waiting.cancelled_caught:
            reply = error_reply(504, "there was no answer in time")
    except h11.RemoteProtocolError as error:
        reply = error_reply(error.error_status_hint, str(error))
    except ValueError as error:
        reply = error_reply(400, str(error))
    if http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    if isinstance(reply, Events):
        await _send_events(stream, http, reply)
        return
    with trio.fail_after(SEND_S):
        await stream.send_all(_response(http, reply))
        await _end(stream)


async def _request(stream: trio.abc.Stream, http: h11.Connection, client: str) -> Request | None:
    request: Request | None = None
    body_bytes = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(READ_BYTES)))
        elif isinstance(event, h11.Request):
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
            }
            request = Request.of(
                event.method.decode("ascii", "replace"),
                event.target.decode("ascii", "replace"),
                headers,
                client=client,
            )
        elif isinstance(event, h11.Data):
            body_bytes += len(event.data)
            if body_bytes > BODY_BYTES_MAX:
                raise h11.RemoteProtocolError("the request body is too long", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage):
            return request
        else:
            return None


def _response(http: h11.Connection, reply: Reply) -> bytes:
    headers = [
        ("Content-Type", reply.kind),
        ("Content-Length", str(len(reply.body))),
        *reply.headers,
        *SECURITY,
        ("Connection", "close"),
    ]
    parts = (
        h11.Response(status_code=reply.code, headers=headers),
        h11.Data(data=reply.body),
        h11.EndOfMessage(),
    )
    return b"".join(http.send(part) or b"" for part in parts)


async def _send_events(stream: trio.abc.Stream, http: h11.Connection, events: Events) -> None:
    headers = [("Content-Type", "text/event-stream"), *SECURITY, ("Connection", "close")]
    head = http.send(h11.Response(status_code=200, headers=headers)) or b""
    with trio.fail_after(SEND_S):
        await stream.send_all(head)
    async with aclosing(events.lines) as lines:
        async for line in lines:
            data = http.send(h11.Data(data=f"data: {line}\n\n".encode())) or b""
            with trio.fail_after(SEND_S):
                await stream.send_all(data)


async def _end(stream: trio.abc.Stream) -> None:
    if isinstance(stream, trio.abc.HalfCloseableStream):
        await stream.send_eof()
