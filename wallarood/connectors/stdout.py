"""A sink that writes lines to standard output."""

import sys
from collections.abc import Sequence
from typing import Any

import attrs
import trio

from wallarood.app.connector import SinkContext
from wallarood.connectors.text import LineEncoder, LineFormat, LineOptions, Nan, encoder
from wallarood.model.errors import OutputClosedError


@attrs.frozen
class StdoutSink:
    """Writes records to standard output as they come; see `FileSink` for formats and options.

    When the reader of a pipe has gone, as with ``| head``, the worker ends without a word.

    Guarantee: at least once; what is on a terminal cannot be taken back.
    """

    format: LineFormat = "lines"
    header: bool | Sequence[str] | None = None
    delimiter: str = ","
    nan: Nan = "null"

    def __attrs_post_init__(self) -> None:
        encoder(self.format, self._options)

    @property
    def _options(self) -> LineOptions:
        return LineOptions(self.header, self.delimiter, self.nan)

    async def open(self, context: SinkContext, state: Any) -> "_StdoutWriter":  # noqa: ARG002
        """See `Sink.open`."""
        return _StdoutWriter(encoder(self.format, self._options, sink=context.step), context.step)


@attrs.define(eq=False)
class _StdoutWriter:
    encode: LineEncoder
    step: str
    begun: bool = False

    async def write(self, records: list[Any]) -> None:
        data = self.encode(records)
        if not self.begun:
            self.begun, data = True, self.encode.head() + data
        # The reader may stop reading: a recovery and a stop do not wait for that. What comes
        # later waits for the lock of the stream, so nothing gets between.
        name = f"writing to standard output from sink {self.step!r}"
        await trio.to_thread.run_sync(_write, data, abandon_on_cancel=True, thread_name=name)

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
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise OutputClosedError("the reader of standard output has closed it") from None
