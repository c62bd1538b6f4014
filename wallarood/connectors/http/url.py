"""Where an HTTP server is, how it is reached, and the headers that it is shown."""

import ssl
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import attrs
import trio

from wallarood.connectors.listening import keep_alive
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, ServerAwayError

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]

CONNECT_S = 15.0
CUT_SHORT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
SCHEMES = ("bearer", "basic", "token")
"""What a header of credentials begins with, which is no secret."""
OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"}


@attrs.frozen
class Url:
    """A server by *text*, ``https://HOST:PORT/PATH``; *schemes* are the plain one and that of TLS.

    *secrets* are headers whose values stand in files.
    """

    text: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secrets: Mapping[str, str] = attrs.field(factory=dict)
    ca_file: str | None = None
    schemes: tuple[str, str] = ("http", "https")
    name: str = attrs.field(init=False)

    @name.default
    def _shown(self) -> str:
        """Without what may be a secret: user, password and query."""
        try:
            parts = self._parts
            port = "" if parts.port is None else f":{parts.port}"
        except ValueError:
            return "a URL"
        host = parts.hostname or ""
        return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"

    def __str__(self) -> str:
        return self.name

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.text)

    @property
    def host(self) -> str:
        """The name or IP address."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The port, said or usual."""
        return self._parts.port or (443 if self.is_encrypted else 80)

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._parts.scheme == self.schemes[1]

    @property
    def target(self) -> str:
        """Path and query."""
        parts = self._parts
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def authority(self) -> str:
        """Host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self._parts.port is None else f"{host}:{self.port}"

    def check(self, owner: str) -> None:
        """Raises ApplicationError: it is no URL of a server, or headers are not for the user."""
        plain, encrypted = self.schemes
        try:
            parts, port = self._parts, self._parts.port
        except ValueError as error:
            raise ApplicationError(f"{owner}: the URL cannot be read: {error}") from None
        if parts.scheme not in self.schemes or not parts.hostname or port == 0:
            raise ApplicationError(
                f'{owner}: expected "{plain}://HOST:PORT/PATH" or "{encrypted}://…", found '
                f"{self.name}"
            )
        if "@" in parts.netloc:
            raise ApplicationError(
                f"{owner}: {self.name}: a password in a URL would be shown: say "
                'secrets={"Authorization": FILE}'
            )
        if not self.target.isascii() or any(each in self.target for each in " \t\r\n"):
            raise ApplicationError(f"{owner}: {self.name}: write what is special as %XX")
        for name in (*self.headers, *self.secrets):
            if name.lower() in OWN_HEADERS or not name.isascii() or not name:
                raise ApplicationError(f"{owner}: header {name!r} cannot be chosen")

    def all_headers(self) -> list[tuple[str, str]]:
        """With the secrets. Raises ConfigurationError: a file cannot be read."""
        secrets = [(name, secret_of(file, self.name)) for name, file in self.secrets.items()]
        for (name, value), file in zip(secrets, self.secrets.values(), strict=True):
            if not value.isascii() or "\n" in value:
                raise ConfigurationError(
                    f"{self}: {file}: expected one line of ASCII, the value of the header {name}"
                )
        return [*self.headers.items(), *secrets]

    def masked(self, text: str) -> str:
        """*text* without the secrets, if a server has said them back."""
        for file in self.secrets.values():
            for part in secret_of(file, self.name).split():
                if part.lower() not in SCHEMES:
                    text = text.replace(part, "…")
        return text

    def context(self) -> ssl.SSLContext:
        """What TLS is spoken with. Raises ConfigurationError: ca_file= cannot be used."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(f"{self}: {self.ca_file}: {reason or error}") from None

    async def connected(self) -> Stream:
        """A connection. Raises ConfigurationError or ServerAwayError: it cannot be had."""
        try:
            with trio.fail_after(CONNECT_S):
                stream = await trio.open_tcp_stream(self.host, self.port)
                keep_alive(stream.socket)
                if not self.is_encrypted:
                    return stream
                secured = trio.SSLStream(
                    stream, self.context(), server_hostname=self.host, https_compatible=True
                )
                try:
                    await secured.do_handshake()
                except BaseException:
                    with trio.CancelScope(shield=True):
                        await trio.aclose_forcefully(stream)
                    raise
                return secured
        except trio.TooSlowError:
            raise ServerAwayError(f"{self} does not answer within {CONNECT_S:.0f} s") from None
        except (OSError, trio.BrokenResourceError) as error:
            cause = error.__cause__ or error
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, CUT_SHORT):
                raise ConfigurationError(f"{self}: TLS failed: {cause}: check ca_file=") from None
            raise ServerAwayError(f"{self} cannot be reached: {error}") from None
