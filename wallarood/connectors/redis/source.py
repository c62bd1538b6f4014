"""A source that reads streams of Redis."""
# Theory of operation
# ===================
# Streams that are named are partitions, there or not yet. Of a pattern those are that the server
# has: it is asked for them now and then, by SCAN, which finds every key that is there all the time.

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Literal

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.redis.encode import EntryFormat
from wallarood.connectors.redis.positions import Place
from wallarood.connectors.redis.reader import Entries, RedisReader, Start
from wallarood.connectors.redis.server import Address
from wallarood.connectors.values import Decode, decoder_of, record_of
from wallarood.model.errors import ApplicationError, PeersGoneError, ServerAwayError
from wallarood.model.pipeline import ErrorPolicy

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)
Gone = Literal["stop", "end"]

SCANNED = 1000
"""About how many keys the server looks at in one step, between which it serves others."""


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

    A stream with ``*``, ``?`` or ``[`` in its name is a pattern: streams that match are found
    within *discover_s* seconds (default 60) and read from their beginning, without a restart. One
    that is gone stops the job; with ``on_gone="end"`` it has ended when two listings lack it.

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
    discover_s: float
    on_gone: Gone
    discover: Callable[[], Awaitable[Sequence[str]]] | None = attrs.field(eq=False, repr=False)
    """See `Discovering.discover`; None if all streams are named."""
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
        discover_s: float = 60.0,
        on_gone: Gone = "stop",
        password_file: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("RedisSource")
        if not streams or not all(isinstance(each, str) and each for each in streams):
            raise ApplicationError("RedisSource: expected at least one stream")
        if start not in ("earliest", "latest"):
            raise ApplicationError(f"RedisSource: start={start!r}: expected 'earliest' or 'latest'")
        if not discover_s > 0 or on_gone not in ("stop", "end"):
            raise ApplicationError(
                f"RedisSource: discover_s={discover_s!r}, on_gone={on_gone!r}: expected seconds, "
                "and 'stop' or 'end'"
            )
        policy_of(on_error)
        if format == "fields":
            kind: Any = dict[str, str]
        else:
            kind = record_of("RedisSource", format, record)
        found = Streams(address, streams)
        discover = found.discover if any(map(_is_pattern, streams)) else None
        self.__attrs_init__(
            *(address, streams, format, field, kind, start, on_error),
            *(discover_s, on_gone, discover),
        )

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the streams, which need not be there yet.

        Not called for patterns.
        """
        return self.streams

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or a stream cannot be used. Changes nothing there."""
        connection = await self.address.connected()
        try:
            named = [each for each in self.streams if not _is_pattern(each)]
            await connection.call(("PING",), *(("XLEN", stream) for stream in named))
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
        return RedisReader(
            self.address, entries, place, self.start, context.limits, may_go=self.on_gone == "end"
        )

    @property
    def _decode(self) -> Decode | None:
        if self.format == "fields":
            return None
        return decoder_of(self.format, self.record) or bytes


def _is_pattern(stream: str) -> bool:
    return any(each in stream for each in "*?[")


@attrs.frozen
class Streams:
    """Those that are named, and those that match a pattern."""

    address: Address
    wanted: tuple[str, ...]

    async def discover(self) -> Sequence[str]:
        """See `Discovering.discover`. Raises ConfigurationError: the server refuses."""
        found = {each: None for each in self.wanted if not _is_pattern(each)}
        try:
            connection = await self.address.connected()
            try:
                for each in filter(_is_pattern, self.wanted):
                    cursor = "0"
                    while True:
                        options = ("MATCH", each, "COUNT", SCANNED, "TYPE", "stream")
                        ((after, names),) = await connection.call(("SCAN", cursor, *options))
                        found.update(dict.fromkeys(map(self._name_of, sorted(names))))
                        if (cursor := after.decode()) == "0":
                            break
            finally:
                with trio.CancelScope(shield=True):
                    await connection.aclose()
        except PeersGoneError as error:
            raise ServerAwayError(error.message) from error
        return list(found)

    def _name_of(self, key: bytes) -> str:
        try:
            return key.decode()
        except UnicodeDecodeError:
            raise ApplicationError(
                f"{self.address}: a pattern of streams matches key {key!r:.200}, which is not "
                "UTF-8: rename the key, or correct the pattern"
            ) from None
