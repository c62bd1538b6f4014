"""A source that reads streams of Redis."""
# Theory of operation
# ===================
# A stream is a partition, which one worker reads, without a consumer group: positions are in the
# checkpoint alone. A position is the ID of the last entry, and its *number*, counted from the first
# that the stream ever had. With every read goes a look at the stream in the same transaction: it
# says how many entries were removed; more than were read, and some are lost. It says, too, which
# was the last that was deleted by its ID, and how many it ever had: a new one has had fewer.

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal

import attrs
import structlog
import trio
import typing_extensions

from wallarood.app.connector import (
    Scope,
    SourceBatch,
    SourceContext,
    SourceLimits,
    SourceReader,
    Unreadable,
)
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.redis.encode import EntryFormat
from wallarood.connectors.redis.positions import Place, check_whole
from wallarood.connectors.redis.server import Address, Connection
from wallarood.connectors.values import DECODE_ERRORS, Decode, decoder_of, record_of
from wallarood.model.errors import ApplicationError, PeersGoneError
from wallarood.model.pipeline import ErrorPolicy

log = structlog.get_logger(__name__)

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)
Start = Literal["earliest", "latest"]

WAIT_MS = 1000
COUNT_FIRST = 100
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0


@attrs.frozen(init=False)
class RedisSource(Generic[T_co]):
    """The entries of streams of Redis; each stream is a partition, read in order by one worker.

    *url*, *password_file* and *ca_file* are those of `RedisSink`. Needs ``pip install
    'wallarood[redis]'``. `format` is "fields" (default): a record is a dict of the entry's fields,
    as text; or "json", "text", "bytes" or "msgpack": it is the value of *field*, with "json" and
    "msgpack" of type `record` if given. `on_error` is what becomes of an entry that cannot be read:
    "stop" (default), "skip" or `dead_letter(sink)`. `start` is where a new cluster begins:
    "earliest" (default) or "latest". ``time=w.event_time()`` stamps records by the time in the
    entry's ID.

    Guarantee: exactly once, from a server of version 7 or newer. If entries were trimmed or deleted
    before they were read, the source stops and says how many.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.RedisSource("redis://localhost", "orders", format="json"))
    """

    address: Address
    streams: tuple[str, ...]
    format: EntryFormat
    field: str
    record: Any
    start: Start
    on_error: OnError
    scope: Scope = Scope.SHARED
    bounded: bool = False
    stamped: bool = True

    def __init__(
        self,
        url: str,
        *streams: str,
        format: EntryFormat = "fields",
        field: str = "value",
        record: Any = None,
        start: Start = "earliest",
        on_error: OnError = "stop",
        password_file: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("RedisSource")
        if not streams or not all(isinstance(each, str) and each for each in streams):
            raise ApplicationError("RedisSource: expected at least one stream")
        if start not in ("earliest", "latest"):
            raise ApplicationError(f"RedisSource: start={start!r}: expected 'earliest' or 'latest'")
        policy_of(on_error)
        if format == "fields":
            kind: Any = dict[str, str]
        else:
            kind = record_of("RedisSource", format, record)
        self.__attrs_init__(address, streams, format, field, kind, start, on_error)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the streams, which need not be there yet."""
        return self.streams

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or a stream cannot be used. Changes nothing there."""
        connection = await self.address.connected()
        try:
            await connection.call(*(("XLEN", stream) for stream in self.streams))
        finally:
            with trio.CancelScope(shield=True):
                await connection.aclose()

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the ID and the number of the last entry."""
        stops = policy_of(self.on_error) is ErrorPolicy.STOP
        entries = Entries(str(self.address), partition, self._decode, self.field, stops)
        place = None if position is None else Place.of(position)
        return RedisReader(self.address, entries, place, self.start, context.limits)

    @property
    def _decode(self) -> Decode | None:
        if self.format == "fields":
            return None
        return decoder_of(self.format, self.record) or bytes


@attrs.frozen
class Entries:
    """How entries of `stream` become records; without `decode` they are their fields."""

    server: str
    stream: str
    decode: Decode | None
    field: str
    stops: bool

    def batch(self, entries: Sequence[Any], place: Place) -> SourceBatch[Any]:
        """Raises ApplicationError: one cannot be read, and that stops."""
        records, times, unreadable = [], [], []
        wanted = self.field.encode()
        for name, found in entries:
            pairs = dict(zip(found[::2], found[1::2], strict=True))
            try:
                records.append(self._record(pairs, wanted))
                times.append(int(name.partition(b"-")[0]) * 1000)
            except (ValueError, *DECODE_ERRORS) as error:
                unreadable.append(self._unreadable(name.decode(), pairs, str(error)))
        return SourceBatch(records, place.position, tuple(unreadable), times)

    def _record(self, pairs: Mapping[bytes, bytes], wanted: bytes) -> Any:
        if self.decode is None:
            return {str(name, "utf-8"): str(value, "utf-8") for name, value in pairs.items()}
        if wanted not in pairs:
            names = ", ".join(sorted(name.decode("utf-8", "replace") for name in pairs))
            raise ValueError(f"it has no field {self.field!r}, but {names}: correct field=")
        return self.decode(pairs[wanted])

    def _unreadable(self, name: str, pairs: Mapping[bytes, bytes], error: str) -> Unreadable:
        raw = pairs.get(self.field.encode(), b"")
        if self.stops:
            raise ApplicationError(
                f"entry {name} of stream {self.stream!r} of {self.server} cannot be read: {error}\n"
                f"  entry: {dict(pairs)!r:.200}\nCorrect format= and record=, or say on_error="
            )
        return Unreadable(error, raw, f"{self.stream} {name}")


@attrs.define(eq=False)
class RedisReader:
    """See `SourceReader`."""

    address: Address
    entries: Entries
    place: Place | None
    start: Start
    limits: SourceLimits
    caught_up: bool = attrs.field(default=False, init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _count: int = attrs.field(default=COUNT_FIRST, init=False)
    """How many entries are asked for, by the size of the last."""

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ApplicationError: entries are gone that were not read, or one cannot be read.
        """
        delay_s = RETRY_FIRST_S
        while True:
            try:
                if (batch := await self._read()) is not None:
                    return batch
                delay_s = RETRY_FIRST_S
                continue
            except PeersGoneError as error:
                await self.aclose()
                self.caught_up = False
                log.warning("source cannot read", stream=self.entries.stream, reason=error.message)
            except BaseException:  # cancelled: a reply may be on its way
                with trio.CancelScope(shield=True):
                    await self.aclose()
                raise
            await trio.sleep(delay_s)
            delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _read(self) -> SourceBatch[Any] | None:
        if self._connection is None:
            self._connection = await self.address.connected()
        call, stream = self._connection.call, self.entries.stream
        (there,) = await call(("EXISTS", stream))
        if not there:
            await self._wait_for_stream()
            return None
        if self.place is None:
            self.place = await self._first(self._connection)
            return SourceBatch([], self.place.position, (), [])
        count = min(self._count, self.limits.batch_records_max)
        *_, (info, found) = await call(
            ("MULTI",),
            ("XINFO", "STREAM", stream),
            ("XREAD", "COUNT", count, "STREAMS", stream, self.place.id),
            ("EXEC",),
        )
        known = dict(zip(info[::2], info[1::2], strict=True))
        check_whole(known, self.place, stream=stream, server=str(self.address))
        if not found:
            self.caught_up = True
            block = ("XREAD", "COUNT", 1, "BLOCK", WAIT_MS, "STREAMS", stream, self.place.id)
            await call(block)
            return None
        ((_, entries),) = found
        self.caught_up = len(entries) < count
        size_bytes = sum(len(string) for _, pairs in entries for string in pairs)
        self._count = max(1, self.limits.batch_bytes_max * len(entries) // max(1, size_bytes))
        last, number = entries[-1][0].decode(), self.place.number + len(entries)
        self.place = attrs.evolve(self.place, id=last, number=number)
        return self.entries.batch(entries, self.place)

    async def _first(self, connection: Connection) -> Place:
        (info,) = await connection.call(("XINFO", "STREAM", self.entries.stream))
        known = dict(zip(info[::2], info[1::2], strict=True))
        if b"entries-added" not in known:
            raise ApplicationError(
                f"{self.address} is older than version 7, and does not say which entries were "
                "removed: use a newer one"
            )
        deleted = known[b"max-deleted-entry-id"].decode()
        if self.start == "latest":
            return Place(known[b"last-generated-id"].decode(), known[b"entries-added"], deleted)
        return Place("0-0", known[b"entries-added"] - known[b"length"], deleted)

    async def _wait_for_stream(self) -> None:
        if self.place is not None and self.place.id != "0-0":
            raise ApplicationError(
                f"{self.address} has no stream {self.entries.stream!r} any more: it was read up to "
                f"{self.place.id}. Put its data back, or form a new cluster"
            )
        self.caught_up = True
        await trio.sleep(WAIT_MS / 1000)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`. The server is not told."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
