"""Sinks to Redis, exactly once: entries of a stream, and latest values in a hash."""

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.redis.encode import EntryEncoder, EntryFormat, FieldEncoder, Key
from wallarood.connectors.redis.server import Address
from wallarood.connectors.redis.target import HASH, STREAM, RedisTarget
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.values import ValueFormat, codec_in, encoder_of
from wallarood.model.errors import ApplicationError


@attrs.frozen(init=False)
class RedisSink:
    """Adds each record to a stream of Redis as an entry.

    *url* is ``redis://USER@HOST:PORT/DATABASE``, with TLS ``rediss://…``, verified by *ca_file* or
    the system's authorities; the password stands in *password_file*. Needs ``pip install
    'wallarood[redis]'``. `format` is "json" (default), "text", "bytes" or "msgpack": the record is
    the value of *field*; or "fields": the fields of a dict or object are those of the entry. With
    *maxlen* the stream is cut to about so many entries.

    Guarantee: exactly once. A script adds the entries of a checkpoint or a part of it, and a
    marker, in one step; entries of one key keep their order. The marker is the key
    ``wallarood:WRITER:{STREAM}``, which must not be deleted. If the server has lost what it had
    acknowledged (after a power cut without ``appendfsync always``, or a failover), that is found,
    and the worker stops. While it is away, records wait in the state directory (*spool_bytes_max*,
    default 1 GiB for each instance); then sources pause.

    >>> import wallarood as w
    >>> sink = w.RedisSink("redis://localhost:6379/0", "counts")
    """

    for_heirs: ClassVar[bool] = True

    address: Address
    stream: str
    format: EntryFormat
    field: str
    maxlen: int | None
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        stream: str,
        *,
        format: EntryFormat = "json",
        field: str = "value",
        maxlen: int | None = None,
        password_file: str | None = None,
        ca_file: str | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("RedisSink")
        if maxlen is not None and maxlen < 1:
            raise ApplicationError(f"RedisSink: maxlen={maxlen}: expected 1 or more")
        if format != "fields":
            codec_in("RedisSink", format)
        self.__attrs_init__(address, stream, format, field, maxlen, spool_bytes_max)

    def _spooled(self, step: str) -> SpooledSink:
        values = None if self.format == "fields" else encoder_of("RedisSink", self.format, step)
        encode, option = EntryEncoder(values, self.field, step), str(self.maxlen or "")

        def connect(writer: str) -> RedisTarget:
            return RedisTarget(self.address, self.stream, STREAM, writer, encode, option)

        return SpooledSink(connect, server=str(self.address), spool_bytes_max=self.spool_bytes_max)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to add."""
        return await self._spooled(context.step).open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or the key cannot be used. Changes nothing there."""
        await self._spooled("").check_connected()


@attrs.frozen(init=False)
class RedisHashSink:
    """Keeps the latest value of each key in a hash of Redis.

    `key` makes the field of a record, str or bytes; `value` what is kept, the record itself if it
    is not given; None deletes the field. `format` is "json" (default), "text", "bytes" or
    "msgpack". All else, and the guarantee, as `RedisSink`.

    >>> import wallarood as w
    >>> sink = w.RedisHashSink(
    ...     "redis://localhost", "counts", key=lambda pair: pair[0], value=lambda pair: pair[1]
    ... )
    """

    for_heirs: ClassVar[bool] = True

    address: Address
    hash: str
    key: Key
    value: Callable[[Any], Any] | None
    format: ValueFormat
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        hash: str,
        *,
        key: Key,
        value: Callable[[Any], Any] | None = None,
        format: ValueFormat = "json",
        password_file: str | None = None,
        ca_file: str | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("RedisHashSink")
        codec_in("RedisHashSink", format)
        self.__attrs_init__(address, hash, key, value, format, spool_bytes_max)

    def _spooled(self, step: str) -> SpooledSink:
        values = encoder_of("RedisHashSink", self.format, step)
        encode = FieldEncoder(values, self.key, self.value, step)

        def connect(writer: str) -> RedisTarget:
            return RedisTarget(self.address, self.hash, HASH, writer, encode)

        return SpooledSink(connect, server=str(self.address), spool_bytes_max=self.spool_bytes_max)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to set."""
        return await self._spooled(context.step).open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or the key cannot be used. Changes nothing there."""
        await self._spooled("").check_connected()
