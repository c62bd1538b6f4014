"""Sources that listen on a TCP port: framed records, or lines of text.

Theory of operation
===================
What a client sends cannot be asked for again, so it is journalled before anything is done with it:
a read takes what has arrived from all clients, makes it durable with one fsync, acknowledges it,
and only then hands it to the flow. After a rollback the journal is read from the checkpoint's
position, which is the number of an entry. It is cut at committed checkpoints only; when it is full,
nobody reads from the clients until that has happened.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import attrs
import msgspec
import structlog
import trio

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits
from wallarood.connectors.file.framing import (
    CLIENT_CHARACTERS_MAX,
    VERSION,
    Answer,
    hello_decoder,
    payload_of,
    sequence_of,
    take_frames,
)
from wallarood.connectors.journal import Entry, Journal, open_journal
from wallarood.connectors.tcp.clients import Client, Clients, listen
from wallarood.model.errors import ApplicationError, CannotCreateError, UsageError
from wallarood.model.ids import Address, parse_address

JOURNAL_BYTES_MAX = 256 << 20
WRITE_AGAIN_S = 1.0
NAMES_BYTES_MAX = 1 << 20
"""How much the names of all clients may take together, since every file of the journal has them."""

log = structlog.get_logger(__name__)

Decode = Callable[[bytes], Any]


@attrs.frozen(init=False)
class TcpSource:
    """Framed records from TCP clients, each acknowledged when it is durable.

    The frames are described in wallarood-protocol(7); `wallarood.client.SourceClient` is a client.
    Records are `bytes`; with `record` they are JSON of that type. *address* is HOST:PORT; port 0
    takes a free one, which is logged. With ``scope="shared"`` one worker listens, with ``"local"``
    every worker does, and a client stays with one of them. Up to 256 clients are served; one that
    sends a malformed or too long record, or leaves out a sequence number, is told so and dropped.
    The journal is in the state directory and takes up to *journal_bytes_max* (default 256 MiB).

    Guarantee: exactly once. What was acknowledged survives every crash; a client that sends again
    what it has no acknowledgement for, with the same sequence numbers, has it counted once.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.TcpSource("127.0.0.1:7800", record=dict[str, int]))
    """

    address: Address
    scope: Scope
    record: Any
    journal_bytes_max: int
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        record: Any = bytes,
        scope: Literal["shared", "local"] = "shared",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), record, journal_bytes_max)

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
        return await _opened(self, partition, position, context=context, talk=Framed(decode))


@attrs.frozen(init=False)
class LineTcpSource:
    """Lines of UTF-8 text from TCP clients, without their line ends. Else as `TcpSource`.

    Guarantee: at most once up to the journal, since nothing is acknowledged: a line that was still
    on its way when the worker died is lost. A line that was journalled is counted exactly once.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.LineTcpSource("127.0.0.1:7801"))
    """

    address: Address
    scope: Scope
    journal_bytes_max: int
    record: Any = str
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        scope: Literal["shared", "local"] = "shared",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), journal_bytes_max)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TcpReader":
        """See `TcpSource.open`."""
        return await _opened(self, partition, position, context=context, talk=Lines())


def _address(name: str, text: str) -> Address:
    try:
        return parse_address(text)
    except UsageError as error:
        raise ApplicationError(f"{name}: {error.message}") from None


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
    talk: "Talk",
) -> "TcpReader":
    if not context.directory:
        raise ApplicationError(f"source {context.step!r} needs a state directory for its journal")
    where = Path(context.directory) / partition.replace(os.sep, "_")
    journal = await trio.to_thread.run_sync(open_journal, where, source.journal_bytes_max)
    replay = journal.read(position or 0)
    return TcpReader(listen(source.address, context.step), talk, journal, context.limits, replay)


@attrs.define
class Taken:
    """What has arrived and is not yet durable: entries and the records that they are."""

    entries: list[Entry] = attrs.field(factory=list)
    records: list[Any] = attrs.field(factory=list)


class Talk(Protocol):
    """How clients speak."""

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:
        """Take what is whole off the client's buffer. Raises ValueError: it is malformed."""

    def decode(self, payload: bytes) -> Any:
        """The record of an entry."""

    def begin(self, highest: dict[str, int]) -> None:
        """The journal has these sequence numbers."""

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """These entries are durable."""


class Lines:
    """Lines of text: nobody has a name, and nothing is said."""

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:  # noqa: ARG002
        """See `Talk.take`."""
        buffer = client.buffer
        end = buffer.rfind(b"\n") + 1
        if len(buffer) - end > limits.record_bytes_max:
            raise ValueError(f"a line of more than {limits.record_bytes_max:,} bytes")
        if not end:
            return
        lines = bytes(buffer[:end]).split(b"\n")[:-1]
        taken.records += [self.decode(line) for line in lines]
        taken.entries += [("", 0, line) for line in lines]
        del buffer[:end]

    def decode(self, payload: bytes) -> str:
        """See `Talk.decode`."""
        return payload.removesuffix(b"\r").decode("utf-8")

    def begin(self, highest: dict[str, int]) -> None:
        """See `Talk.begin`."""

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """See `Talk.durable`."""


class Framed:
    """Frames with sequence numbers. *decode_json* makes a record of a payload; None: it is one."""

    def __init__(self, decode_json: Decode | None) -> None:
        self._decode_json = decode_json
        self._accepted: dict[str, int] = {}
        self._durable: dict[str, int] = {}

    def begin(self, highest: dict[str, int]) -> None:
        """See `Talk.begin`."""
        self._accepted, self._durable = dict(highest), dict(highest)

    def decode(self, payload: bytes) -> Any:
        """See `Talk.decode`."""
        return payload if self._decode_json is None else self._decode_json(payload)

    def take(self, client: Client, clients: Clients, taken: Taken, *, limits: SourceLimits) -> None:
        """See `Talk.take`."""
        frames = take_frames(client.buffer, limits.record_bytes_max)
        if frames and not client.name:
            self._greet(client, clients, frames.pop(0))
        repeated = False
        for data in frames:
            repeated |= not self._take_one(client, data, taken)
        if repeated and client.name in self._durable:
            client.tell(Answer(ack=self._durable[client.name]))

    def _greet(self, client: Client, clients: Clients, data: bytes) -> None:
        hello = hello_decoder.decode(data)
        if hello.wallarood != VERSION:
            raise ValueError(f"protocol version {hello.wallarood}: expected {VERSION}")
        if not 0 < len(hello.client) <= CLIENT_CHARACTERS_MAX:
            raise ValueError(f"a client's name has 1 to {CLIENT_CHARACTERS_MAX} characters")
        if hello.client not in self._accepted and self._names_bytes() > NAMES_BYTES_MAX:
            raise ValueError(f"{len(self._accepted):,} clients are known, and no more are taken")
        clients.replace(hello.client, client)
        client.name = hello.client
        client.tell(Answer(next=self._durable.get(client.name, 0) + 1))

    def _names_bytes(self) -> int:
        return sum(len(each.encode()) for each in self._accepted)

    def _take_one(self, client: Client, data: bytes, taken: Taken) -> bool:
        """Take a record; whether it is new. Raises ValueError."""
        sequence, before = sequence_of(data), self._accepted.get(client.name, 0)
        if sequence <= before:
            return False
        if sequence != before + 1:
            raise ValueError(f"record {sequence:,} came where {before + 1:,} was due")
        payload = payload_of(data)
        taken.records.append(self.decode(payload))
        taken.entries.append((client.name, sequence, payload))
        self._accepted[client.name] = sequence
        return True

    def durable(self, clients: Clients, entries: list[Entry]) -> None:
        """See `Talk.durable`: acknowledge, once for each client."""
        last = {client: sequence for client, sequence, _ in entries}
        self._durable |= last
        for client, sequence in last.items():
            clients.tell(client, Answer(ack=sequence))


@attrs.define(eq=False)
class TcpReader:
    """An open source: first what the journal has, then what clients send."""

    clients: Clients
    talk: Talk
    journal: Journal
    limits: SourceLimits
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

        Raises DamagedStateError: the journal is damaged.
        """
        await trio.lowlevel.checkpoint()
        if self._replay is not None and (batch := await self._read_again()) is not None:
            return batch
        while not self._ready:
            await self._read_new()
        count = min(len(self._ready), self.limits.batch_records_max)
        records = [self._ready.popleft() for _ in range(count)]
        return SourceBatch(records, self.journal.next - len(self._ready))

    async def _read_again(self) -> SourceBatch | None:
        """The next batch of the journal; None if all has been read."""
        assert self._replay is not None
        some = islice(self._replay, self.limits.batch_records_max)
        async with self._using:
            again = await trio.to_thread.run_sync(list, some)
        if not again:
            self._replay = None
            return None
        return SourceBatch([self.talk.decode(each) for _, each in again], again[-1][0] + 1)

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
            self.clients.receive(self._take, self.limits.batch_bytes_max)
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

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: what is before *position* is cut off."""
        async with self._using:
            if self._closed:
                return
            try:
                await trio.to_thread.run_sync(self.journal.cut, position or 0)
            except CannotCreateError as error:
                log.warning("the journal cannot be cut", reason=error.message)
        self._cut.unpark_all()

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self._closed = True
        self.clients.close()
        async with self._using:
            self.journal.close()
