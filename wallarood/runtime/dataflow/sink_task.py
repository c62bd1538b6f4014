"""The task of a sink instance: writes what comes, and makes it visible when it is told to."""

from typing import Any

import attrs
import trio

from wallarood.app.connector import Sink, SinkContext, SinkWriter
from wallarood.flow.align import Alignment
from wallarood.model.batch import Batch, EndOfStream
from wallarood.runtime.dataflow.counters import StageCounters
from wallarood.runtime.dataflow.inbox import Inbox


@attrs.define(eq=False)
class SinkTask:
    """Everything that one sink instance needs."""

    sink: Sink
    context: SinkContext
    inbox: Inbox
    alignment: Alignment
    counters: StageCounters
    _writer: SinkWriter | None = attrs.field(default=None, init=False)
    _prepared: list[Any] = attrs.field(factory=list, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def run(self) -> None:
        """Write until all inputs have ended, then prepare what was written.

        Raises ApplicationError or CannotCreateError: the sink cannot be opened or written.
        """
        self._writer = await self.sink.open(self.context)
        while True:
            source, item = await self.inbox.get(self.alignment.blocked)
            if isinstance(item, Batch):
                async with self._using:
                    await self._writer.write(item.values)
                self.counters.records_in += len(item)
                await trio.lowlevel.checkpoint()
                continue
            if EndOfStream() in self.alignment.take(source, item):
                await self.prepare()
                return

    async def prepare(self) -> None:
        """Make what was written so far durable; `publish` will make it visible."""
        if self._writer is not None:
            async with self._using:
                prepared = await self._writer.prepare()
            if prepared is not None:
                self._prepared.append(prepared)

    async def publish(self) -> None:
        """Make visible what was prepared."""
        if self._writer is not None:
            while self._prepared:
                await self._writer.commit(self._prepared[0])
                del self._prepared[0]

    async def aclose(self) -> None:
        """Close the sink; what was not prepared is given up."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.aclose()
