"""A NATS server with JetStream: a connection, requests, and what is said where they fail."""
# Theory of operation
# ===================
# One request at a time, each with an inbox of its own, so that an answer that comes late, to a
# request that was cancelled, or by an earlier connection, is told from the one that is waited for.
#
# Of the servers of a cluster, one is as good as another: each passes requests on to the leader of
# the stream. The one that was connected with last is asked first, the next where that fails.

import contextlib
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import attrs
import trio

from wallarood.connectors.nats.protocol import (
    Info,
    Message,
    NatsProtocolError,
    Parser,
    Ping,
    Pong,
    publish,
)
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, PeersGoneError

ANSWER_S = 15.0
PORT = 4222
CUT_SHORT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
NO_MESSAGE = 10037
"""The error of a call that asks for a message that is not there."""
RECEIVE_BYTES = 256 << 10
REFUSALS = (
    "Authorization Violation", "Permissions Violation", "JetStream not",
    "Authentication Expired", "Authentication Revoked",
)  # fmt: skip
"""Not "Authentication Timeout": a server says so under load, and while it shuts down."""


class NoStreamError(ConfigurationError):
    """The server has no stream of that name."""


@attrs.frozen
class Address:
    """A server by *url*: ``nats://USER@HOST:PORT``, with TLS ``tls://``.

    Those of a cluster stand with commas between them.
    """

    url: str = attrs.field(repr=False)
    password_file: str | None = None
    ca_file: str | None = None
    name: str = attrs.field(init=False)
    _servers: list[SplitResult] = attrs.field(init=False, eq=False, repr=False)
    """In the order in which they are tried."""

    @name.default
    def _shown(self) -> str:
        return ", ".join(map(_place, self._parts))

    @_servers.default
    def _in_given_order(self) -> list[SplitResult]:
        return list(self._parts)

    @property
    def _parts(self) -> list[SplitResult]:
        return [urlsplit(each.strip()) for each in self.url.split(",")]

    def __str__(self) -> str:
        return f"NATS at {self.name}"

    def check(self, owner: str) -> None:
        """Raises ApplicationError: it is no URL of a server."""
        for parts in self._parts:
            if parts.scheme not in ("nats", "tls") or not parts.hostname:
                raise ApplicationError(
                    f'{owner}: expected "nats://HOST:PORT" or "tls://…", or several of them with '
                    f"commas between, found {parts.scheme}://{parts.hostname or ''}"
                )

    async def connected(self) -> "Connection":
        """A connection. Raises ConfigurationError or PeersGoneError: it cannot be had."""
        failed = []
        for parts in list(self._servers):
            try:
                return await self._connected(parts)
            except PeersGoneError as error:
                failed.append(error.message)
                self._servers.remove(parts)
                self._servers.append(parts)
        raise PeersGoneError("; ".join(failed))

    async def _connected(self, parts: SplitResult) -> "Connection":
        where = f"NATS at {_place(parts)}"
        password = self._password(parts.password)
        try:
            with trio.fail_after(ANSWER_S):
                stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or PORT)
        except trio.TooSlowError:
            raise PeersGoneError(f"{where} does not answer within {ANSWER_S:.0f} s") from None
        except OSError as error:
            raise PeersGoneError(f"{where} cannot be reached: {error}") from None
        connection = Connection(self, stream, parts)
        try:
            await connection.begin(unquote(parts.username or ""), password)
        except BaseException:
            with trio.CancelScope(shield=True):
                await connection.aclose()
            raise
        return connection

    def _password(self, given: str | None) -> str | None:
        if self.password_file is None:
            return None if given is None else unquote(given)
        return secret_of(self.password_file, str(self))

    def what(self, said: str) -> ConfigurationError | PeersGoneError:
        """The error for a person, of what the server has said."""
        if any(words.lower() in said.lower() for words in REFUSALS):
            return ConfigurationError(f"{self}: {said}: check user, password_file= and permissions")
        return PeersGoneError(f"{self}: {said}")


def _place(parts: SplitResult) -> str:
    return f"{parts.hostname}:{parts.port or PORT}"


@attrs.define(eq=False)
class Connection:
    """Sends messages to the server at *parts*, and waits for the answers to requests."""

    address: Address
    stream: trio.abc.Stream
    parts: SplitResult
    version: tuple[int, ...] = ()
    payload_max: int = 1 << 20
    """How many bytes of headers and payload the server takes in a message."""
    _parser: Parser = attrs.field(factory=Parser, init=False)
    _requests: int = attrs.field(default=0, init=False)
    _inbox: str = attrs.field(init=False)

    @_inbox.default
    def _of_its_own(self) -> str:
        return f"_INBOX.{secrets.token_hex(11)}"

    @property
    def where(self) -> str:
        """What messages call the server that is connected with."""
        return f"NATS at {_place(self.parts)}"

    async def begin(self, user: str, password: str | None) -> None:
        """Introduce each other. Raises as `Address.what` says."""
        async with _answering(self):
            said = await self._heard()
            assert isinstance(said, Info)
            info = json.loads(said.raw)
            self.version = tuple(int(part) for part in info["version"].split("-")[0].split("."))
            self.payload_max = info.get("max_payload", self.payload_max)
            if not info.get("jetstream"):
                raise ConfigurationError(
                    f"{self.address} has no JetStream: switch it on in its configuration"
                )
            if self.parts.scheme == "tls" or info.get("tls_required"):
                await self._encrypt()
            options: dict[str, Any] = {
                "verbose": False, "headers": True, "no_responders": True, "name": "wallarood",
                "lang": "python", "version": "1", "protocol": 1,
            }  # fmt: skip
            if password is not None:
                options |= {"user": user, "pass": password}
            hello = f"CONNECT {json.dumps(options)}\r\nSUB {self._inbox}.* 1\r\nPING\r\n"
            await self.stream.send_all(hello.encode())
            while not isinstance(await self._heard(), Pong):
                pass

    async def _encrypt(self) -> None:
        context = ssl.create_default_context(cafile=self.address.ca_file)
        stream = trio.SSLStream(self.stream, context, server_hostname=self.parts.hostname)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as error:
            cause = error.__cause__
            if not isinstance(cause, ssl.SSLError) or isinstance(cause, CUT_SHORT):
                raise
            raise ConfigurationError(
                f"{self.address}: TLS failed: {cause}: check ca_file="
            ) from None
        self.stream = stream

    async def _heard(self) -> Any:
        while True:
            while (heard := self._parser.next()) is None:
                data = await self.stream.receive_some(RECEIVE_BYTES)
                if not data:
                    raise trio.BrokenResourceError("the server has closed it")
                self._parser.feed(bytes(data))
            if not isinstance(heard, Ping):
                return heard
            await self.stream.send_all(b"PONG\r\n")

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        before: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """The answer to a message; *before* is what is sent before it."""
        inbox = self._new_inbox()
        async with _answering(self):
            asked = publish(subject, payload, reply=inbox, headers=headers)
            await self.stream.send_all(before + asked)
            while True:
                heard = await self._heard()
                if isinstance(heard, Message) and heard.subject == inbox:
                    if heard.status.startswith("503"):
                        raise ConfigurationError(
                            f"{self.address}: nobody answers {subject}: no stream has this "
                            "subject, or JetStream is off"
                        )
                    return heard

    async def many(self, subject: str, payload: bytes) -> list[Message]:
        """All answers to a request, up to the one that ends them."""
        inbox, found = self._new_inbox(), list[Message]()
        async with _answering(self):
            await self.stream.send_all(publish(subject, payload, reply=inbox))
            while True:
                heard = await self._heard()
                if isinstance(heard, Message) and heard.subject == inbox:
                    if heard.status:
                        return [*found, heard]
                    found.append(heard)

    def _new_inbox(self) -> str:
        self._requests += 1
        return f"{self._inbox}.{self._requests}"

    async def api(self, call: str, **options: Any) -> dict[str, Any]:
        """What JetStream answers to a call of its API; with ``error`` where it refuses."""
        payload = json.dumps(options).encode() if options else b""
        said = await self.request(f"$JS.API.{call}", payload)
        answer: dict[str, Any] = json.loads(said.payload)
        return answer

    async def stream_info(self, stream: str) -> dict[str, Any]:
        """What a stream is. Raises NoStreamError: there is none of this name."""
        answer = await self.api(f"STREAM.INFO.{stream}")
        if "error" in answer:
            if answer["error"].get("err_code") == 10059:
                raise NoStreamError(
                    f"{self.address} has no stream {stream!r}: create it, or correct its name"
                )
            raise self.address.what(answer["error"].get("description", "unknown error"))
        return answer

    async def aclose(self) -> None:
        """Close it."""
        await trio.aclose_forcefully(self.stream)


@contextlib.asynccontextmanager
async def _answering(connection: Connection) -> AsyncIterator[None]:
    """Turn what goes wrong while an answer is waited for into an error for a person."""
    where = connection.where
    try:
        with trio.fail_after(ANSWER_S):
            yield
    except trio.TooSlowError:
        raise PeersGoneError(f"{where} does not answer within {ANSWER_S:.0f} s") from None
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise PeersGoneError(f"{where}: connection lost: {error}") from None
    except NatsProtocolError as error:
        raise connection.address.what(str(error)) from None
