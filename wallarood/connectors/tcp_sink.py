"""A sink that sends lines to a TCP server."""

from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.text import LineFormat, encoder
from wallarood.model.errors import ApplicationError, UsageError
from wallarood.model.ids import Address, parse_address

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

log = structlog.get_logger(__name__)


@attrs.frozen(init=False)
class TcpSink:
    """Sends records as lines to HOST:PORT, a connection for each instance; formats as `FileSink`.

    A server that is away is tried again until it is back; meanwhile the pipeline waits.

    Guarantee: at least once while the worker lives: a batch whose connection broke is sent again as
    a whole. Nothing confirms that the server has taken what was sent.

    >>> import wallarood as w
    >>> sink = w.TcpSink("127.0.0.1:7900", format="json")
    """

    address: Address
    format: LineFormat

    def __init__(self, address: str, *, format: LineFormat = "lines") -> None:
        encoder(format)
        try:
            self.__attrs_init__(parse_address(address), format)
        except UsageError as error:
            raise ApplicationError(f"TcpSink: {error.message}") from None

    async def open(self, context: SinkContext, state: Any) -> "TcpSinkWriter":  # noqa: ARG002
        """See `Sink.open`; connects with the first record."""
        return TcpSinkWriter(self.address, self.format)


@attrs.define(eq=False)
class TcpSinkWriter:
    """An open `TcpSink`."""

    address: Address
    format: LineFormat
    _stream: trio.SocketStream | None = attrs.field(default=None, init=False)

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`."""
        data = encoder(self.format)(records)
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                await self._send(data)
                return
            except (OSError, trio.BrokenResourceError) as error:
                log.warning("sink cannot send", address=str(self.address), reason=str(error))
                await self.aclose()
            await trio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    async def _send(self, data: bytes) -> None:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream(self.address.host, self.address.port)
        await self._stream.send_all(data)

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`."""
        return None

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`: what was written is sent already."""
        return None

    async def commit(self, prepared: Any) -> None:  # noqa: ARG002
        """See `SinkWriter.commit`."""
        return

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)
