"""A Redis server: how it is reached, and a connection that sends commands and takes replies."""
# Theory of operation
# ===================
# Replies come in the order of commands, so a connection on which a call was cancelled or has failed
# could answer the next call with the reply to the last: it is closed, and whoever needs one makes a
# new one. hiredis packs and parses; what is sent and waited for is Trio's.

import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs
import trio

from wallarood.connectors.extra import imported
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, PeersGoneError

ANSWER_S = 15.0
RECEIVE_BYTES = 256 << 10
REFUSALS = {
    "WRONGPASS": "check user and password_file=",
    "NOAUTH": "it wants a password: say password_file=",
    "NOPERM": "give the user this right (ACL SETUSER)",
    "ERR The user executing the script can't run": "give the user the rights to GET and SET and to "
    "XADD, or to HSET and HDEL (ACL SETUSER)",
    "WRONGTYPE": "the key holds something else: use another key",
    "READONLY": "it is a replica: connect to the primary",
    "ERR Client sent AUTH": "it wants no password: leave password_file= out",
    "ERR DB index": "it has no such database",
    "ERR AUTH": "it wants no password: leave password_file= out",
    "MOVED": "it is a node of a cluster, which is not supported: use a server that is not",
}
"""How replies begin that time does not mend, and what to do."""

Command = Sequence[str | bytes | int]


class ReplyError(Exception):
    """The server has answered with an error."""


@attrs.frozen
class Address:
    """A server by *url*: ``redis://USER@HOST:PORT/DATABASE``, with TLS ``rediss://``."""

    url: str = attrs.field(repr=False)
    password_file: str | None = None
    ca_file: str | None = None
    name: str = attrs.field(init=False)

    @name.default
    def _shown(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or 6379}" if self._is_readable else "a URL"

    @property
    def _is_readable(self) -> bool:
        """Whether host and port are no parts of a password, as where that has a / in it."""
        parts = urlsplit(self.url)
        try:
            return parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"Redis at {self.name}"

    def check(self, owner: str) -> None:
        """Raises ApplicationError: it is no URL of a server."""
        if not self._is_readable:
            raise ApplicationError(
                f'{owner}: expected "redis://HOST:PORT/DATABASE" or "rediss://…": what is special '
                "in a password is written as %2F for /, %3F for ?, %23 for #, %40 for @; or say "
                "password_file="
            )
        parts = urlsplit(self.url)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ApplicationError(
                f'{owner}: expected "redis://HOST:PORT/DATABASE" or "rediss://…", found '
                f"{parts.scheme}://{parts.hostname or ''}"
            )

    async def connected(self) -> "Connection":
        """A connection. Raises ConfigurationError or PeersGoneError: it cannot be had."""
        reader = imported("hiredis", extra="redis", owner="Redis").Reader()
        parts = urlsplit(self.url)
        password = self._password(parts.password)
        try:
            with trio.fail_after(ANSWER_S):
                connection = Connection(self, await self._stream(parts), reader)
        except trio.TooSlowError:
            raise PeersGoneError(f"{self} does not answer within {ANSWER_S:.0f} s") from None
        except (OSError, ssl.SSLError, trio.BrokenResourceError) as error:
            cause = error.__cause__ if error.__cause__ is not None else error
            if isinstance(cause, ssl.SSLError):
                raise ConfigurationError(f"{self}: TLS failed: {cause}: check ca_file=") from None
            raise PeersGoneError(f"{self} cannot be reached: {error}") from None
        commands: list[Command] = []
        if password is not None:
            commands.append(("AUTH", unquote(parts.username or "default"), password))
        commands.append(("SELECT", parts.path.strip("/") or "0"))
        try:
            await connection.call(*commands)
        except BaseException:
            with trio.CancelScope(shield=True):
                await connection.aclose()
            raise
        return connection

    def _password(self, given: str | None) -> str | None:
        if self.password_file is None:
            return None if given is None else unquote(given)
        return secret_of(self.password_file, str(self))

    async def _stream(self, parts: Any) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(parts.hostname, parts.port or 6379)
        if parts.scheme == "redis":
            return stream
        context = ssl.create_default_context(cafile=self.ca_file)
        secure = trio.SSLStream(stream, context, server_hostname=parts.hostname)
        try:
            await secure.do_handshake()
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
            raise
        return secure

    def what(self, said: str) -> ConfigurationError | PeersGoneError:
        """The error for a person, of what the server has said."""
        for words, advice in REFUSALS.items():
            if said.startswith(words):
                return ConfigurationError(f"{self}: {said}: {advice}")
        return PeersGoneError(f"{self}: {said}")


@attrs.define(eq=False)
class Connection:
    """Sends commands and returns their replies."""

    address: Address
    stream: trio.abc.Stream
    reader: Any

    async def call(self, *commands: Command, answer_s: float = ANSWER_S) -> list[Any]:
        """The replies to *commands*, in order.

        Raises ConfigurationError or PeersGoneError: see `Address.what`; close the connection.
        """
        hiredis = imported("hiredis", extra="redis", owner="Redis")
        try:
            with trio.fail_after(answer_s):
                await self.stream.send_all(
                    b"".join(hiredis.pack_command(tuple(each)) for each in commands)
                )
                replies = [await self._reply() for _ in commands]
        except trio.TooSlowError:
            await trio.aclose_forcefully(self.stream)
            raise PeersGoneError(
                f"{self.address} does not answer within {answer_s:.0f} s"
            ) from None
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            await trio.aclose_forcefully(self.stream)
            raise PeersGoneError(f"{self.address}: connection lost: {error}") from None
        except BaseException:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self.stream)
            raise
        for reply in replies:
            for each in reply if isinstance(reply, list) else [reply]:  # EXEC has a list of them
                if isinstance(each, hiredis.ReplyError):
                    raise self.address.what(str(each))
        return replies

    async def _reply(self) -> Any:
        while (reply := self.reader.gets()) is False:
            data = await self.stream.receive_some(RECEIVE_BYTES)
            if not data:
                raise trio.BrokenResourceError("the server has closed it")
            self.reader.feed(data)
        return reply

    async def aclose(self) -> None:
        """Close it."""
        await trio.aclose_forcefully(self.stream)
