"""A connection of a client to an HTTP source: requests in, answers out, each within its bounds."""
# Theory of operation
# ===================
# h11 parses; here are the bounds: of a head (h11's), of a body, of all bodies together, and of the
# time that each part may take. Whatever is wrong with a request ends in an answer, and if its body
# was not read to the end, the connection ends with it: the rest is read and thrown away for a
# moment, for a client that is still sending would not see the answer of a closed connection.

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
import h11
import trio

from wallarood.connectors.http.messages import answer_of

HEAD_BYTES_MAX = 32 << 10
READ_BYTES = 64 << 10
HEAD_S = 60.0
"""Until a request has begun and its head is there: so long a connection is kept, too."""
BODY_S = 30.0
ANSWER_S = 15.0
LINGER_S = 2.0
LINGER_BYTES_MAX = 4 << 20
RETRY_S = 5
"""Senders are asked to wait for so long."""


@attrs.frozen
class Reply:
    """An answer: its code, what its JSON says, and more headers."""

    code: int
    says: Mapping[str, Any] = attrs.field(factory=dict)
    headers: tuple[tuple[str, str], ...] = ()


class RefusedError(Exception):
    """A request is not taken. The reply says why."""

    def __init__(self, code: int, error: str, *headers: tuple[str, str]) -> None:
        super().__init__(error)
        self.reply = Reply(code, {"error": error}, headers)


def busy(error: str) -> RefusedError:
    """A request that may be sent again later."""
    return RefusedError(503, error, ("Retry-After", str(RETRY_S)))


@attrs.define
class Budget:
    """How many bytes of bodies may be in memory, of all clients together."""

    bytes_max: int
    used: int = attrs.field(default=0, init=False)

    def take(self, size: int) -> None:
        """Raises RefusedError: it is used up."""
        if self.used + size > self.bytes_max:
            raise busy("too many requests at a time: send it again later")
        self.used += size

    def give(self, size: int) -> None:
        """So much is not needed any more."""
        self.used -= size


@attrs.define
class Arrived:
    """A request whose head is there. Names of `headers` are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Of the target, without the query."""
        return self.target.partition("?")[0]


Look: TypeAlias = Callable[[Arrived], None]
"""Raises RefusedError: the body need not be read."""
Take: TypeAlias = Callable[[Arrived], Awaitable[Reply]]


@attrs.define(eq=False)
class Exchange:
    """A connection. `since` is since when it waits for its client; None: it does not."""

    stream: trio.abc.Stream
    look: Look
    take: Take
    budget: Budget
    body_bytes_max: int
    since: float | None = attrs.field(factory=trio.current_time, init=False)
    _http: h11.Connection = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)

    async def run(self) -> None:
        """Answer requests until the client or an error ends it.

        Raises OSError or trio.BrokenResourceError: the connection is broken.
        """
        while await self._answered_one():
            self._http.start_next_cycle()
            self.since = trio.current_time()

    async def _answered_one(self) -> bool:
        """Answer a request; whether another may follow."""
        try:
            request = await self._head()
            if request is None:
                return False
            reply = await self._reply_to(request)
        except RefusedError as error:
            reply = error.reply
        except h11.RemoteProtocolError as error:
            reply = Reply(error.error_status_hint, {"error": str(error)})
        self.since = trio.current_time()
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return False
        with trio.move_on_after(ANSWER_S) as scope:
            await self._send(reply)
        if scope.cancelled_caught:
            return False
        if self._is_over:
            return True
        with trio.move_on_after(LINGER_S):
            await self._linger()
        return False

    @property
    def _is_over(self) -> bool:
        """Whether request and answer have ended, and another request may follow."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _reply_to(self, request: Arrived) -> Reply:
        self.look(request)
        taken = [0]
        try:
            request.body = await self._body(request, taken)
            self.since = None
            return await self.take(request)
        finally:
            self.budget.give(taken[0])

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                await self.stream.send_all(self._http.send(go_on) or b"")
            self._http.receive_data(bytes(await self.stream.receive_some(READ_BYTES)))
        return event

    async def _head(self) -> Arrived | None:
        """The head of the next request; None if there is none."""
        with trio.move_on_after(HEAD_S):
            event = await self._next_event()
            if not isinstance(event, h11.Request):
                return None
            headers: dict[str, str] = {}
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if size > HEAD_BYTES_MAX:  # h11 looks at what is incomplete only
                raise RefusedError(431, f"a head has at most {HEAD_BYTES_MAX:,} bytes")
            for name, value in event.headers:
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
            return Arrived(event.method.decode("latin-1"), event.target.decode("latin-1"), headers)
        if self._http.trailing_data[0]:
            raise RefusedError(408, f"the request did not come within {HEAD_S:.0f} s")
        return None

    async def _body(self, request: Arrived, taken: list[int]) -> bytes:
        """The body; *taken* is how much of the budget is used for it."""
        declared = int(request.headers.get("content-length", "0"))  # h11 has looked at it
        self._check_size(declared)
        body = bytearray()
        with trio.move_on_after(BODY_S):
            while True:
                event = await self._next_event()
                if isinstance(event, h11.Data):
                    self._check_size(len(body) + len(event.data))
                    self.budget.take(len(event.data))
                    taken[0] += len(event.data)
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return bytes(body)
                else:
                    raise trio.BrokenResourceError("the request was cut off")
        raise RefusedError(408, f"the body did not come within {BODY_S:.0f} s")

    def _check_size(self, size: int) -> None:
        if size > self.body_bytes_max:
            raise RefusedError(413, f"a body has at most {self.body_bytes_max:,} bytes")

    async def _send(self, reply: Reply) -> None:
        body = answer_of(**reply.says)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            *reply.headers,
        ]
        if self._http.their_state is not h11.DONE:
            headers.append(("Connection", "close"))
        parts = (
            h11.Response(status_code=reply.code, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        await self.stream.send_all(b"".join(self._http.send(part) or b"" for part in parts))

    async def _linger(self) -> None:
        if isinstance(self.stream, trio.SocketStream):
            await self.stream.send_eof()
        size = 0
        while size < LINGER_BYTES_MAX:
            data = await self.stream.receive_some(READ_BYTES)
            if not data:
                return
            size += len(data)
