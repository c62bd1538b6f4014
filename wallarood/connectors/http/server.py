"""What serves the clients of an HTTP source: their connections, and what becomes of a request."""

import math
import socket
import ssl
import time

import attrs
import structlog
import trio

from wallarood.connectors.http.certificates import Certificate
from wallarood.connectors.http.exchange import (
    Arrived,
    Budget,
    Exchange,
    RefusedError,
    Reply,
    busy,
)
from wallarood.connectors.http.messages import Form, MalformedError, digest
from wallarood.connectors.http.signatures import Verifier
from wallarood.connectors.journal.intake import Intake
from wallarood.connectors.listening import keep_alive
from wallarood.model.errors import CannotCreateError

CLIENTS_MAX = 512
BODIES_BYTES_MAX = 64 << 20
HANDSHAKE_S = 10.0
NAME_CHARACTERS_MAX = 255
BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Desk:
    """Decides about requests. `name_header` is the header that names one; empty: none does.

    `path` may end with ``*``, which stands for all that follows.
    """

    intake: Intake
    form: Form
    path: str
    verifier: Verifier | None
    name_header: str
    _arriving: set[str] = attrs.field(factory=set, init=False)
    """Names of requests that are not durable yet."""

    def look(self, request: Arrived) -> None:
        """Raises RefusedError: the request is not taken, whatever its body is."""
        wanted, path = self.path, request.path
        if not (path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted):
            raise RefusedError(404, "there is nothing at this path")
        if request.method != "POST":
            raise RefusedError(405, "expected POST", ("Allow", "POST"))
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise RefusedError(415, "expected a body without Content-Encoding")
        if self.intake.is_full:
            raise busy("the journal is full until the next checkpoint: send it again later")

    async def take(self, request: Arrived) -> Reply:
        """Keep the records of a request. Raises RefusedError: it is not taken."""
        if self.verifier is not None:
            fault = self.verifier.fault(request.headers, request.body, time.time())
            if fault:
                raise RefusedError(401, fault)
        name = request.headers.get(self.name_header, "") if self.name_header else ""
        if len(name) > NAME_CHARACTERS_MAX:
            raise RefusedError(400, f"{self.name_header}: expected up to {NAME_CHARACTERS_MAX}")
        if name and self._is_repeated(name, request.body):
            return Reply(200, {"records": 0, "repeated": True})
        micros = time.time_ns() // 1000
        try:
            entries, taken = self.form.entries(
                request.target, request.headers, request.body, time=micros, name=name
            )
        except MalformedError as error:
            raise RefusedError(400, str(error)) from None
        if entries:
            self._arriving.add(name)
            try:
                await self.intake.keep(entries, taken)
            except CannotCreateError:
                raise busy("it cannot be kept: send it again later") from None
            finally:
                self._arriving.discard(name)
        return Reply(200, {"records": len(entries)})

    def _is_repeated(self, name: str, body: bytes) -> bool:
        if name in self._arriving:
            raise RefusedError(409, "a request of this name is under way", ("Retry-After", "1"))
        journal = self.intake.journal
        known = journal.highest.get(name, journal.inherited.get(name))
        if known is not None and known != digest(body):
            raise RefusedError(422, f"another body had the same {self.name_header}")
        return known is not None


@attrs.define(eq=False)
class Connection:
    """A client; `exchange` is None until TLS is set up."""

    exchange: Exchange | None = None
    peer: str = ""
    _began: float = attrs.field(factory=trio.current_time, init=False)

    @property
    def since(self) -> float:
        """Since when its client is waited for; infinite if it is not."""
        if self.exchange is None:
            return self._began
        return math.inf if self.exchange.since is None else self.exchange.since


@attrs.define(eq=False)
class Server:
    """Serves the connections of a listener."""

    desk: Desk
    body_bytes_max: int
    certificate: Certificate | None
    _budget: Budget = attrs.field(factory=lambda: Budget(BODIES_BYTES_MAX), init=False)
    _served: dict[trio.CancelScope, Connection] = attrs.field(factory=dict, init=False)

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        opened = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        await trio.serve_listeners(self._one, [opened])

    async def _one(self, stream: trio.SocketStream) -> None:
        self._make_place()
        with trio.CancelScope() as scope:
            connection = self._served[scope] = Connection()
            try:
                keep_alive(stream.socket)
                connection.peer = stream.socket.getpeername()[0]
                async with stream:
                    await self._answer(await self._secured(stream), connection)
            except (*BROKEN, trio.TooSlowError) as error:
                cause = error.__cause__
                if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
                    log.info("client dropped: TLS", peer=connection.peer, reason=str(cause))
            finally:
                del self._served[scope]

    async def _secured(self, stream: trio.SocketStream) -> trio.abc.Stream:
        if self.certificate is None:
            return stream
        secured = trio.SSLStream(
            stream, self.certificate.context(), server_side=True, https_compatible=True
        )
        with trio.fail_after(HANDSHAKE_S):
            await secured.do_handshake()
        return secured

    async def _answer(self, stream: trio.abc.Stream, connection: "Connection") -> None:
        desk = self.desk
        connection.exchange = Exchange(
            stream, desk.look, desk.take, budget=self._budget, body_bytes_max=self.body_bytes_max
        )
        await connection.exchange.run()

    def _make_place(self) -> None:
        """End the connection that has waited longest for its client, if there are too many."""
        if len(self._served) < CLIENTS_MAX:
            return
        waiting = {scope: each.since for scope, each in self._served.items()}
        longest = min(waiting, key=lambda scope: waiting[scope])
        if waiting[longest] < math.inf:
            longest.cancel()
