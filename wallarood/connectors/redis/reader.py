"""An open stream of Redis."""
# Theory of operation
# ===================
# A stream is a partition, which one worker reads, without a consumer group: positions are in the
# checkpoint alone. A position is the ID of the last entry, and its *number*, counted from the first
# that the stream ever had. With every read goes a look at the stream in the same transaction: it
# says how many entries were removed; more than were read, and some are lost. It says, too, which
# was the last that was deleted by its ID, and how many it ever had: a new one has had fewer.

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import trio

from wallarood.app.connector import SourceBatch, SourceLimits, Unreadable
from wallarood.connectors.redis.positions import Place, check_whole
from wallarood.connectors.redis.server import Address, Connection
from wallarood.connectors.values import DECODE_ERRORS, Decode
from wallarood.model.errors import ApplicationError, PeersGoneError, ServerAwayError

Start = Literal["earliest", "latest"]

WAIT_MS = 1000
COUNT_FIRST = 100


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
    may_go: bool = attrs.field(default=False, kw_only=True)
    """Whether a stream that is gone is waited for, until listings end the partition."""
    caught_up: bool = attrs.field(default=False, init=False)
    lag_records: int | None = attrs.field(default=None, init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _count: int = attrs.field(default=COUNT_FIRST, init=False)
    """How many entries are asked for, by the size of the last."""

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ApplicationError: entries are gone that were not read, or one cannot be read. Raises
        ServerAwayError: the server does not answer; or the stream is gone, and may be.
        """
        try:
            while (batch := await self._read()) is None:
                pass
            return batch
        except BaseException as error:  # if it was cancelled, a reply may be on its way
            with trio.CancelScope(shield=True):
                await self.aclose()
            if isinstance(error, PeersGoneError):
                raise ServerAwayError(error.message) from error
            raise

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
            self.caught_up, self.lag_records = True, 0
            block = ("XREAD", "COUNT", 1, "BLOCK", WAIT_MS, "STREAMS", stream, self.place.id)
            await call(block)
            return None
        ((_, entries),) = found
        self.caught_up = len(entries) < count
        size_bytes = sum(len(string) for _, pairs in entries for string in pairs)
        self._count = max(1, self.limits.batch_bytes_max * len(entries) // max(1, size_bytes))
        last, number = entries[-1][0].decode(), self.place.number + len(entries)
        self.place = attrs.evolve(self.place, id=last, number=number)
        self.lag_records = max(0, known[b"entries-added"] - number)
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
            error = ServerAwayError if self.may_go else ApplicationError
            raise error(
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
