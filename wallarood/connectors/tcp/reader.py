"""An open TCP source: what the journal has, then what clients send; see `source`."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch, SourceLimits, Unreadable
from wallarood.connectors.journal.files import Journal
from wallarood.connectors.tcp.clients import Client, Clients
from wallarood.connectors.tcp.talk import Taken, Talk
from wallarood.model.errors import ApplicationError, CannotCreateError

WRITE_AGAIN_S = 1.0

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class TcpReader:
    """An open source: first what the journal has, then what clients send."""

    clients: Clients
    talk: Talk
    journal: Journal
    limits: SourceLimits
    takes_unreadable: bool
    _replay: Iterator[tuple[int, bytes]] | None
    _taken: Taken = attrs.field(factory=Taken, init=False)
    _ready: deque[Any] = attrs.field(factory=deque, init=False)
    _using: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _cut: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        self.talk.begin({**self.journal.inherited, **self.journal.highest})

    async def read(self) -> SourceBatch:
        """See `SourceReader.read`; there is no end.

        Raises DamagedStateError: the journal is damaged. Raises ApplicationError: it has a record
        that the source cannot read, now that it is another one.
        """
        await trio.lowlevel.checkpoint()
        if self._replay is not None and (batch := await self._read_again()) is not None:
            return batch
        while not self._ready:
            await self._read_new()
        count = min(len(self._ready), self.limits.batch_records_max)
        records = [self._ready.popleft() for _ in range(count)]
        return self._batch(records, self.journal.next - len(self._ready))

    def _batch(self, records: list[Any], position: int) -> SourceBatch:
        if not self.takes_unreadable:
            return SourceBatch(records, position)
        unreadable = tuple(each for each in records if isinstance(each, Unreadable))
        if unreadable:
            records = [each for each in records if not isinstance(each, Unreadable)]
        return SourceBatch(records, position, unreadable)

    async def _read_again(self) -> SourceBatch | None:
        """The next batch of the journal; None if all has been read."""
        assert self._replay is not None
        some = islice(self._replay, self.limits.batch_records_max)
        async with self._using:
            again = await trio.to_thread.run_sync(list, some)
        if not again:
            self._replay = None
            return None
        return self._batch([self._decoded(*each) for each in again], again[-1][0] + 1)

    def _decoded(self, number: int, payload: bytes) -> Any:
        try:
            return self.talk.decode(payload)
        except (ValueError, RecursionError) as error:
            raise ApplicationError(
                f"entry {number:,} of the journal {self.journal.directory} can no longer be "
                f"decoded: {error}: restore the options record and on_error of the source, or set "
                "on_error to skip or w.dead_letter(sink)"
            ) from error

    async def _read_new(self) -> None:
        """Take what clients have sent, make it durable, acknowledge it; or wait for some."""
        if self.journal.full:
            log.warning(
                "journal full: clients wait for the next checkpoint",
                journal=str(self.journal.directory),
                size_bytes=self.journal.size_bytes,
            )
            await self._cut.park()
            return
        if not self._taken.entries:
            self.clients.receive(self._take, self._end, bytes_max=self.limits.batch_bytes_max)
        if not self._taken.entries:
            await self.clients.wait()
            return
        try:
            async with self._using:
                await trio.to_thread.run_sync(self.journal.append, self._taken.entries)
        except CannotCreateError as error:
            log.warning("the journal cannot be written; clients wait", reason=error.message)
            await trio.sleep(WRITE_AGAIN_S)
            return
        taken, self._taken = self._taken, Taken()
        self.talk.durable(self.clients, taken.entries)
        self._ready.extend(taken.records)

    def _take(self, client: Client) -> None:
        self.talk.take(client, self.clients, self._taken, limits=self.limits)

    def _end(self, client: Client) -> None:
        self.talk.end(client, self._taken)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: what is before *position* is cut off."""
        async with self._using:
            if self._closed:
                return
            try:
                await trio.to_thread.run_sync(self.journal.cut, position or 0)
            except CannotCreateError as error:
                log.warning("the journal cannot be truncated", reason=error.message)
        self._cut.unpark_all()

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self._closed = True
        self.clients.close()
        async with self._using:
            self.journal.close()
