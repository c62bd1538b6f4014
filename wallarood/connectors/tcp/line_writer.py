"""An at-least-once sink: lines of text, sent at once; a server that is away is tried again."""

import contextlib
from typing import Any

import attrs
import structlog
import trio

from wallarood.connectors.text import LineEncoder
from wallarood.model.ids import Address

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class LineWriter:
    """An open at-least-once `TcpSink`."""

    address: Address
    encode: LineEncoder
    _stream: trio.SocketStream | None = attrs.field(default=None, init=False)

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`."""
        data = self.encode(records)
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

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`."""

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            with contextlib.suppress(OSError):
                await trio.aclose_forcefully(stream)
