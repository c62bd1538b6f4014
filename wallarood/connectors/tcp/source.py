"""Sources that listen on a TCP port: framed records, or lines of text.

Theory of operation
===================
What a client sends cannot be asked for again, so it is journalled before anything is done with it:
a read takes what has arrived from all clients, makes it durable with one fsync, acknowledges it,
and only then hands it to the flow. After a rollback the journal is read from the checkpoint's
position, which is the number of an entry. It is cut at committed checkpoints only; when it is full,
no client is read from until that has happened.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import attrs
import msgspec
import structlog
import trio

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits, Unreadable
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.journal import Journal, open_journal
from wallarood.connectors.tcp.clients import Client, Clients, listen
from wallarood.connectors.tcp.talk import Framed, Lines, Taken, Talk
from wallarood.model.errors import ApplicationError, CannotCreateError, UsageError
from wallarood.model.ids import Address, parse_address
from wallarood.model.pipeline import ErrorPolicy

JOURNAL_BYTES_MAX = 256 << 20
WRITE_AGAIN_S = 1.0
BIND_WAIT_S = 30.0
"""How long a source that has run here before waits for its port: a process that hung and was
replaced has it until it ends."""

log = structlog.get_logger(__name__)


@attrs.frozen(init=False)
class TcpSource:
    """Framed records from TCP clients, each acknowledged when it is durable.

    The frames are described in wallarood-protocol(7); `wallarood.client.SourceClient` is a client.
    Records are `bytes`; with `record` they are JSON of that type. *address* is HOST:PORT; port 0
    takes a free one, which is logged. With ``scope="shared"`` one worker listens, with ``"local"``
    every worker does, and a client stays with one of them. Up to 256 clients are served; one that
    sends a malformed or too long record, or leaves out a sequence number, is told so and dropped.
    With *on_error* "skip" or `dead_letter(sink)` (default "stop": the client is told and dropped) a
    record that is not of its type is acknowledged, and skipped or a dead letter.
    The journal is in the state directory and takes up to *journal_bytes_max* (default 256 MiB).

    Guarantee: exactly once. What was acknowledged survives every crash; a client that sends again
    what it has no acknowledgement for, with the same sequence numbers, has it counted once.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.TcpSource("127.0.0.1:7800", record=dict[str, int]))
    """

    address: Address
    scope: Scope
    record: Any
    on_error: OnError
    journal_bytes_max: int
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        record: Any = bytes,
        scope: Literal["shared", "local"] = "shared",
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        policy_of(on_error)
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), record, on_error, journal_bytes_max)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TcpReader":
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the address cannot be bound, or the journal not be written.
        Raises DamagedStateError: the journal is damaged, or does not reach back to *position*.
        """
        decode = None if self.record is bytes else msgspec.json.Decoder(self.record).decode
        return await _opened(
            self, partition, position, context=context, talk=Framed(decode, _unreadable(self))
        )


@attrs.frozen(init=False)
class LineTcpSource:
    """Lines of UTF-8 text from TCP clients, without their line ends. Else as `TcpSource`.

    A last line without its line end counts when its client closes the connection in an orderly way.
    A line that is not UTF-8 is dropped, with a warning, and its client told; the lines around it
    are not. With *on_error* "skip" or `dead_letter(sink)` it is skipped, or a dead letter.

    Guarantee: at most once up to the journal, since nothing is acknowledged: a line that was still
    on its way when the worker died is lost. A line that was journalled is counted exactly once.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.LineTcpSource("127.0.0.1:7801"))
    """

    address: Address
    scope: Scope
    on_error: OnError
    journal_bytes_max: int
    record: Any = str
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        scope: Literal["shared", "local"] = "shared",
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        policy_of(on_error)
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), on_error, journal_bytes_max)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TcpReader":
        """See `TcpSource.open`."""
        return await _opened(
            self, partition, position, context=context, talk=Lines(_unreadable(self))
        )


def _address(name: str, text: str) -> Address:
    try:
        return parse_address(text)
    except UsageError as error:
        raise ApplicationError(f"{name}: {error.message}") from None


def _unreadable(source: "TcpSource | LineTcpSource") -> str | None:
    """The place of what is unreadable; None: it is not taken at all."""
    stops = policy_of(source.on_error) is ErrorPolicy.STOP
    return None if stops else str(source.address)


def _check(name: str, scope: str, journal_bytes_max: int) -> None:
    if scope not in ("shared", "local"):
        raise ApplicationError(f"{name}: scope={scope!r}: expected 'shared' or 'local'")
    if journal_bytes_max < 1:
        raise ApplicationError(f"{name}: journal_bytes_max={journal_bytes_max}: expected 1 or more")


async def _opened(
    source: TcpSource | LineTcpSource,
    partition: str,
    position: Any,
    *,
    context: SourceContext,
    talk: Talk,
) -> "TcpReader":
    if not context.directory:
        raise ApplicationError(f"source {context.step!r} needs a state directory for its journal")
    where = Path(context.directory) / partition.replace(os.sep, "_")
    wait_s = BIND_WAIT_S if await trio.Path(where).exists() else 0
    journal = await trio.to_thread.run_sync(open_journal, where, source.journal_bytes_max)
    replay = journal.read(position or 0)
    clients = await listen(source.address, context.step, wait_s=wait_s)
    takes_unreadable = _unreadable(source) is not None
    return TcpReader(clients, talk, journal, context.limits, takes_unreadable, replay)


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
        self.talk.begin(self.journal.highest)

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
