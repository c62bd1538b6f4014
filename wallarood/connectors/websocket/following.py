"""Following the messages of a WebSocket server: connecting, keeping them, connecting again."""
# Theory of operation
# ===================
# trio-websocket answers pings itself; here the server is pinged, too, so that one that has gone
# without a word is found out. Errors of the library do not leave this module: its tasks raise them
# in groups.

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

import attrs
import msgspec
import structlog
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from wallarood.connectors.http.url import Url
from wallarood.connectors.journal.handed import Handed
from wallarood.connectors.journal.intake import Intake
from wallarood.connectors.journal.replay import Taken
from wallarood.connectors.live.connected import keep_connected
from wallarood.connectors.live.form import ValueForm
from wallarood.model.errors import ConfigurationError, ServerAwayError, first_error

HANDSHAKE_S = 15.0
PING_S = 20.0
"""How often the server is asked whether it is there, and how long it may take to answer."""
REFUSALS = {400, 401, 403, 404, 405, 410, 426}
"""Answers to a handshake that time does not mend."""

ERRORS = (
    ConnectionClosed,
    HandshakeError,
    OSError,
    trio.BrokenResourceError,
    ConfigurationError,
    ServerAwayError,
)

log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the journal."""

    time: int
    data: bytes


_decoder = msgspec.msgpack.Decoder(_Kept)


@contextlib.asynccontextmanager
async def conversing(
    url: Url, subprotocols: Sequence[str], message_bytes_max: int
) -> AsyncIterator[WebSocketConnection]:
    """A connection. Raises ConfigurationError or ServerAwayError: it cannot be had, or is lost."""
    headers = [(name.encode(), value.encode()) for name, value in url.all_headers()]
    stream = await url.connected()
    try:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(HANDSHAKE_S) as scope:
                socket = await wrap_client_stream(
                    nursery,
                    stream,
                    url.authority,
                    url.target,
                    subprotocols=subprotocols or None,
                    extra_headers=headers,
                    max_message_size=message_bytes_max,
                )
            if scope.cancelled_caught:
                raise ServerAwayError(f"{url} does not answer within {HANDSHAKE_S:.0f} s")
            yield socket
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        _, rest = group.split(ERRORS)
        if rest is not None:
            raise
        raise _error_of(url, first_error(group)) from None
    finally:
        await trio.aclose_forcefully(stream)


def _error_of(url: Url, error: BaseException) -> ConfigurationError | ServerAwayError:
    if isinstance(error, ConfigurationError | ServerAwayError):
        return error
    if isinstance(error, ConnectionRejected):
        said = f"{url} answers {error.status_code} to the handshake"
        if error.status_code in REFUSALS or 300 <= error.status_code < 400:
            return ConfigurationError(f"{said}: check the URL and secrets=")
        return ServerAwayError(said)
    if isinstance(error, ConnectionClosed):
        reason = error.reason
        why = "" if reason is None else f": {reason.code} {reason.reason or reason.name}"
        return ServerAwayError(f"{url} has closed the connection{why}")
    return ServerAwayError(f"{url}: connection lost: {error or type(error).__name__}")


@attrs.define(eq=False)
class Messages:
    """Follows the messages of a server. `hello` is sent when it is connected."""

    url: Url
    form: ValueForm
    hello: tuple[str | bytes, ...]
    subprotocols: tuple[str, ...]
    message_bytes_max: int
    _missed: bool = attrs.field(default=False, init=False)
    """Whether some may have been missed."""

    def again(self, payload: bytes) -> Taken:
        """What an entry of the journal is."""
        kept = _decoder.decode(payload)
        return self.form.value(kept.data), kept.time

    async def follow(self, intake: Intake) -> None:
        """Follow until cancelled. Raises ConfigurationError: the server refuses at first."""

        async def converse(is_there: Callable[[], None]) -> None:
            await self._converse(intake, is_there)

        self._missed = intake.journal.next > 0
        await keep_connected(intake, converse)

    async def _converse(self, intake: Intake, is_there: Callable[[], None]) -> None:
        async with conversing(self.url, self.subprotocols, self.message_bytes_max) as socket:
            for each in self.hello:
                await socket.send_message(each)
            is_there()
            if self._missed:
                log.warning(
                    "connected again: messages that were sent meanwhile are lost",
                    server=str(self.url),
                )
            self._missed = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._ping, socket)
                while True:
                    await intake.room()
                    message = await socket.get_message()
                    data = message.encode() if isinstance(message, str) else message
                    micros = time.time_ns() // 1000
                    entry = ("", 0, msgspec.msgpack.encode(_Kept(micros, data)))
                    intake.hand_in(Handed([entry], [(self.form.value(data), micros)]))

    async def _ping(self, socket: WebSocketConnection) -> None:
        while True:
            await trio.sleep(PING_S)
            with trio.move_on_after(PING_S) as scope:
                await socket.ping()
            if scope.cancelled_caught:
                raise ServerAwayError(f"{self.url} does not answer within {PING_S:.0f} s")
