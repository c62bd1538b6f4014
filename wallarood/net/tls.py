"""Mutual TLS: every worker has a certificate of one private authority, in its own name."""
# Members move between addresses, so that a certificate names a worker and not a host: as the URI
# "wallarood:NAME" among its alternative names. Who speaks under another name is refused.

import ssl
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.model.errors import KeyRefusedError

URI = "wallarood:"


@attrs.frozen
class TlsFiles:
    """PEM files: the worker's certificate, its private key, the authority's certificate."""

    certificate: Path
    private_key: Path
    authority: Path


@attrs.define(eq=False)
class Tls:
    """What TLS connections are made with. `reload` reads the files again, for new connections."""

    files: TlsFiles
    _server: ssl.SSLContext = attrs.field(init=False)
    _client: ssl.SSLContext = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Take the files as they are now. Raises KeyRefusedError: one is wrong; nothing changes."""
        server = _context(self.files, ssl.PROTOCOL_TLS_SERVER)
        client = _context(self.files, ssl.PROTOCOL_TLS_CLIENT)
        self._server, self._client = server, client

    def server(self, stream: trio.SocketStream) -> "trio.SSLStream[trio.SocketStream]":
        """The server's end of a connection."""
        return trio.SSLStream(stream, self._server, server_side=True, https_compatible=True)

    def client(self, stream: trio.SocketStream) -> "trio.SSLStream[trio.SocketStream]":
        """The client's end of a connection."""
        return trio.SSLStream(stream, self._client, https_compatible=True)


Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


def socket_of(stream: Stream) -> trio.socket.SocketType:
    """The socket at the bottom of a stream."""
    return (stream.transport_stream if isinstance(stream, trio.SSLStream) else stream).socket


def _context(files: TlsFiles, protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _load(files.authority, lambda: context.load_verify_locations(files.authority))
    _load(
        files.certificate,
        lambda: context.load_cert_chain(files.certificate, files.private_key),
        f" (with {files.private_key})",
    )
    return context


def _load(path: Path, load: Any, more: str = "") -> None:
    try:
        load()
    except ssl.SSLError as error:
        reason = "the private key is not that of the certificate"
        if error.reason != "KEY_VALUES_MISMATCH":
            reason = f"not a PEM file as expected: {error.reason or error}"
        raise KeyRefusedError(f"{path}{more}: {reason}") from error
    except OSError as error:
        raise KeyRefusedError(f"{path}{more}: {error.strerror}") from error


def certified_name(stream: Stream) -> str | None:
    """The worker that the peer's certificate names; None without TLS.

    Raises KeyRefusedError: it names none.
    """
    if not isinstance(stream, trio.SSLStream):
        return None
    certificate: dict[str, Any] = stream.getpeercert() or {}
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "URI" and value.startswith(URI):
            return str(value.removeprefix(URI))
    raise KeyRefusedError("the peer's certificate names no worker: make it with 'wallarood keys'")


def refused_by_tls(error: BaseException) -> KeyRefusedError | None:
    """What an error on a stream means, if it is TLS that refused; None for a lost connection."""
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLEOFError):
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return KeyRefusedError(f"the peer's certificate is refused: {cause.verify_message}")
    reason = (cause.reason or str(cause)).lower().replace("_", " ")
    if "wrong version number" in reason or "http request" in reason:
        reason = "the peer does not speak TLS"
    return KeyRefusedError(f"TLS: {reason} (security.certificate)")
