"""A broker of MQTT: how it is reached, and what is said where it refuses."""

import ssl
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from wallarood.connectors.extra import imported
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, ServerAwayError

PORT, TLS_PORT = 1883, 8883
REFUSALS = {
    0x84: "it does not speak MQTT 5",
    0x85: "use another client_id=",
    0x86: "check user and password_file=",
    0x87: "check user, password_file= and the rights of the user",
    0x8A: "this client is banned there",
    0x8C: "it wants another way to authenticate, which is not supported",
    0x8F: "correct the topic filter",
    0x9C: "connect to the server that it names",
    0x9D: "connect to the server that it names",
    0x9E: "it has no shared subscriptions: leave clients= and share= out",
    0xA2: "it allows no wildcards in topics",
}
"""Reason codes that time does not mend, and what to do."""


def library(name: str = "client") -> Any:
    """A module of the client library. Raises ApplicationError: it is not installed."""
    return imported(f"paho.mqtt.{name}", extra="mqtt", owner="MQTT")


class ClosingSocket(ssl.SSLSocket):
    """One that is closed when its handshake fails: the library would leave it open."""

    def do_handshake(self, *given: Any) -> None:
        """See `ssl.SSLSocket`."""
        try:
            super().do_handshake(*given)
        except BaseException:
            self.close()
            raise


@attrs.frozen
class Broker:
    """A server by *url*: ``mqtt://USER@HOST:PORT``, with TLS ``mqtts://``."""

    url: str = attrs.field(repr=False)
    password_file: str | None = None
    ca_file: str | None = None
    name: str = attrs.field(init=False)

    @name.default
    def _shown(self) -> str:
        try:
            return f"{self._parts.hostname}:{self.port}"
        except ValueError:
            return "a URL"

    def __str__(self) -> str:
        return f"MQTT at {self.name}"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._parts.scheme == "mqtts"

    @property
    def host(self) -> str:
        """The name or IP address."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The port, said or usual."""
        return self._parts.port or (TLS_PORT if self.is_encrypted else PORT)

    def check(self, owner: str) -> None:
        """Raises ApplicationError: it is no URL of a server."""
        try:
            parts, port = self._parts, self._parts.port
        except ValueError as error:
            raise ApplicationError(f"{owner}: the URL cannot be read: {error}") from None
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == 0:
            raise ApplicationError(
                f'{owner}: expected "mqtt://HOST:PORT" or "mqtts://…", found '
                f"{parts.scheme}://{parts.hostname or ''}"
            )
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ApplicationError(
                f"{owner}: the URL has more than user, host and port: topics stand beside it, and "
                "a password in password_file="
            )

    def client(self, client_id: str) -> Any:
        """A client of the library, with credentials. Raises ConfigurationError: no such file."""
        paho = library()
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        parts = self._parts
        if parts.username is not None:
            password = None if parts.password is None else unquote(parts.password)
            if self.password_file is not None:
                password = secret_of(self.password_file, str(self))
            client.username_pw_set(unquote(parts.username), password)
        if self.is_encrypted:
            try:
                context = ssl.create_default_context(cafile=self.ca_file)
                context.sslsocket_class = ClosingSocket
                client.tls_set_context(context)
            except (OSError, ssl.SSLError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise ConfigurationError(f"{self}: {self.ca_file}: {reason or error}") from None
        return client

    def unreached(self, error: Exception) -> ConfigurationError | ServerAwayError:
        """The error for a person where there is no connection."""
        if isinstance(error, ssl.SSLCertVerificationError) or (
            isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
        ):
            return ConfigurationError(f"{self}: TLS failed: {error}: check ca_file=")
        return ServerAwayError(f"{self} cannot be reached: {error or type(error).__name__}")

    def refused(self, reason: Any, doing: str) -> ConfigurationError | ServerAwayError:
        """The error for a person where the server refuses with a reason code."""
        said = f"{self}: {reason} ({doing})"
        if reason.value in REFUSALS:
            return ConfigurationError(f"{said}: {REFUSALS[reason.value]}")
        return ServerAwayError(said)
