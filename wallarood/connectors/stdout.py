"""A sink that writes lines to standard output."""

import sys
from typing import Any

import attrs
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.file.text import LineFormat, encoder


@attrs.frozen
class StdoutSink:
    """Writes records to standard output as they come; see `FileSink` for the formats.

    Guarantee: at least once; what is on a terminal cannot be taken back.
    """

    format: LineFormat = "lines"

    def __attrs_post_init__(self) -> None:
        encoder(self.format)

    async def open(self, context: SinkContext, state: Any) -> "_StdoutWriter":  # noqa: ARG002
        """See `Sink.open`."""
        return _StdoutWriter(self.format)


@attrs.frozen
class _StdoutWriter:
    format: LineFormat

    async def write(self, records: list[Any]) -> None:
        data = encoder(self.format)(records)
        await trio.to_thread.run_sync(_write, data)

    @property
    def state(self) -> Any:
        return None

    async def prepare(self) -> Any:
        return None

    async def commit(self, prepared: Any) -> None:  # noqa: ARG002
        return

    async def aclose(self) -> None:
        return


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
