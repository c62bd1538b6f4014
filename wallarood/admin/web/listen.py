"""HTTP over the network: `admin.http`, plain on loopback, else under TLS and with a token."""

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import structlog
import trio

from wallarood.admin.web.exchange import exchange
from wallarood.admin.web.guard import Guard
from wallarood.admin.web.message import Answer, Events, Reply, Request
from wallarood.admin.web.slots import Slots
from wallarood.model.errors import CannotCreateError, ConfigurationError
from wallarood.model.ids import Address

if TYPE_CHECKING:
    from wallarood.admin.server import Answering, TaskStatus

CONNECTIONS_MAX = 64
TOKEN_BYTES_MIN = 16
HANDSHAKE_S = 5.0
SEND_BYTES = 128 << 10

log = structlog.get_logger(__name__)


@attrs.frozen
class TokenFile:
    """The file with the token that clients show."""

    path: Path

    def read(self) -> bytes:
        """The token. Raises ConfigurationError: it cannot be read, or is too short to be one."""
        try:
            token = self.path.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(f"admin.token-file: {self.path}: {error.strerror}") from error
        if len(token) < TOKEN_BYTES_MIN or not token.isascii():
            raise ConfigurationError(
                f"admin.token-file: {self.path}: expected {TOKEN_BYTES_MIN} ASCII characters or "
                "more, as 'openssl rand -hex 32' makes them"
            )
        return token


def tls_of(certificate: Path, private_key: Path) -> ssl.SSLContext:
    """What HTTPS is served with. Raises ConfigurationError: a file is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"admin.certificate: {certificate} (with {private_key}): {reason}"
        ) from error
    return context


@attrs.frozen
class HttpSettings:
    """Where to listen, and what clients must show; None: nothing, as on loopback."""

    address: Address
    token: bytes | None = None
    tls: ssl.SSLContext | None = None


async def open_http(settings: HttpSettings) -> list[trio.SocketListener]:
    """Listen on `settings.address`.

    Raises CannotCreateError: the address is in use, or not of this host.
    """
    address = settings.address
    try:
        listeners = await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        raise CannotCreateError(
            f"cannot listen on {address}: {error.strerror or error} (admin.http)"
        ) from error
    bound = listeners[0].socket.getsockname()[1]
    scheme = "https" if settings.tls is not None else "http"
    log.info("dashboard and metrics", at=f"{scheme}://{Address(address.host, bound)}/")
    return listeners


async def serve_http(
    listeners: Sequence[trio.SocketListener],
    settings: HttpSettings,
    answering: "Answering",
    *,
    task_status: "TaskStatus" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on *listeners* until cancelled. They stay open: who connects then waits for another."""
    guard = Guard(settings.address.host, settings.token, trio.current_time)
    slots = Slots(CONNECTIONS_MAX)
    answer = _guarded(guard, answering)

    async def one(stream: trio.SocketStream) -> None:
        with slots.place() as there:
            if there:
                await _serve(stream, settings, answer, slots=slots)
            else:  # as many as there may be: this one is refused, none is held up
                await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        task_status.started()
        own = [trio.SocketListener(each.socket.dup()) for each in listeners]  # closed at the end
        nursery.start_soon(trio.serve_listeners, one, own)


def _guarded(guard: Guard, answering: "Answering") -> Answer:
    async def guarded(request: Request) -> Reply | Events:
        refusal = guard.refusal(request)
        return refusal if refusal is not None else await answering.answer(request)

    return guarded


async def _serve(
    stream: trio.SocketStream, settings: HttpSettings, answer: Answer, *, slots: Slots
) -> None:
    used: trio.abc.Stream = stream
    try:
        # Else the kernel keeps megabytes for a page that does not read.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        client = str(stream.socket.getpeername()[0])
        if settings.tls is not None:
            secure = trio.SSLStream(stream, settings.tls, server_side=True, https_compatible=True)
            with trio.fail_after(HANDSHAKE_S):
                await secure.do_handshake()
            used = secure
        await exchange(used, answer, client=client, idling=slots)
        with trio.move_on_after(HANDSHAKE_S):
            await used.aclose()
    except (OSError, trio.BrokenResourceError, trio.TooSlowError):
        pass  # the client has gone, or stands still
    finally:
        await trio.aclose_forcefully(used)
