"""A connection to an HTTP server: requests out, answers in."""
# Theory of operation
# ===================
# h11 on a stream of Trio: it is a dependency already, needs no loop of its own, and lets a body be
# read as it comes. A connection on which anything has failed, or a call was cancelled, is closed.

import contextlib
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import attrs
import h11
import trio

from wallarood.connectors.http.url import Url
from wallarood.model.errors import ServerAwayError

HEAD_BYTES_MAX = 64 << 10
READ_BYTES = 64 << 10
SAID_BYTES_MAX = 64 << 10
"""How much of the body of an answer is read to be shown; more ends the connection."""
RETRY_MAX_S = 3600.0


class LostError(ServerAwayError):
    """The connection was lost before there was an answer."""


@attrs.frozen
class Answer:
    """The head of an answer, and the beginning of its body. Names of `headers` are lower-case."""

    code: int
    reason: str
    headers: dict[str, str]
    said: bytes = b""

    def __str__(self) -> str:
        shown = " ".join(self.said[:200].decode("utf-8", "replace").split())
        return f"{self.code} {self.reason}".rstrip() + (f": {shown}" if shown else "")

    def retry_s(self, now: float) -> float | None:
        """How long the server asks to wait, by its Retry-After; None if it does not."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), RETRY_MAX_S)
        try:
            until = parsedate_to_datetime(text).timestamp()
        except ValueError:
            return None
        return min(max(0.0, until - now), RETRY_MAX_S)


@attrs.define(eq=False)
class Connection:
    """A connection, which is used for one request at a time. `served` counts the answers."""

    url: Url
    stream: trio.abc.Stream
    served: int = 0
    _whole: bool = attrs.field(default=True, init=False)
    """Whether the last request was sent to its end."""
    _http: h11.Connection = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return self._http.our_state is h11.IDLE

    async def ask(
        self, method: str, headers: Sequence[tuple[str, str]], body: bytes, *, answer_s: float
    ) -> Answer:
        """The answer to a request.

        Raises ServerAwayError: there is none, or it takes longer than *answer_s*.
        """
        with errors_of(self.url), trio.move_on_after(answer_s):
            answer = await self.begin(method, headers, body)
            said = bytearray()
            while len(said) <= SAID_BYTES_MAX and (data := await self.data()) is not None:
                said += data
            self.served += 1
            if self._whole and self._http.their_state is h11.DONE:
                self._http.start_next_cycle()
            return attrs.evolve(answer, said=bytes(said))
        raise ServerAwayError(f"{self.url} does not answer within {answer_s:.0f} s")

    async def begin(
        self, method: str, headers: Sequence[tuple[str, str]], body: bytes = b""
    ) -> Answer:
        """Send a request, and wait for the head of its answer. Raises as `stream` and h11 do."""
        about = [("Host", self.url.authority), ("User-Agent", "wallarood"), *headers]
        if body or method == "POST":
            about.append(("Content-Length", str(len(body))))
        request = h11.Request(method=method, target=self.url.target, headers=about)
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        self._whole = False
        event: h11.Response | None = None
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            # The answer may come while the request is sent, as that its body is too long. Errors
            # are carried out by hand: a nursery would put them into a group.
            nursery.start_soon(
                self._send, b"".join(self._http.send(each) or b"" for each in events)
            )
            try:
                event = await self._response()
            except (OSError, trio.BrokenResourceError, h11.RemoteProtocolError) as error:
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert event is not None
        found: dict[str, str] = {}
        for name, value in event.headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return Answer(event.status_code, event.reason.decode("latin-1"), found)

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.stream.send_all(data)  # that it is broken is found out by who reads
            self._whole = True

    async def _response(self) -> h11.Response:
        while not isinstance(event := await self._next_event(), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise trio.BrokenResourceError("the server has closed the connection")
        return event

    async def data(self) -> bytes | None:
        """The next part of the body of the answer; None at its end."""
        event = await self._next_event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return None
        raise trio.BrokenResourceError("the answer was cut off")

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = bytes(await self.stream.receive_some(READ_BYTES))
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise trio.BrokenResourceError("the server has closed it")
            self._http.receive_data(data)
        return event

    async def aclose(self) -> None:
        """Close it."""
        await trio.aclose_forcefully(self.stream)


@contextlib.contextmanager
def errors_of(url: Url) -> Iterator[None]:
    """Turn what goes wrong on a connection into an error for a person."""
    try:
        yield
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise LostError(f"{url}: connection lost: {error}") from None
    except h11.RemoteProtocolError as error:
        raise ServerAwayError(f"{url}: it does not speak HTTP: {error}") from None


async def connected(url: Url) -> Connection:
    """Connect. Raises ConfigurationError or ServerAwayError: see `Url.connected`."""
    return Connection(url, await url.connected())
