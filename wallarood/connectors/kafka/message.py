"""A message of Kafka as a record."""

from typing import Any, Generic

import msgspec
import typing_extensions

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)

Headers = tuple[tuple[str, bytes | None], ...]


class KafkaMessage(msgspec.Struct, Generic[T_co], frozen=True):
    """A message: what `KafkaSource` gives with ``messages=True``, and what `KafkaSink` takes.

    `value` is None in a tombstone, which deletes its key from a compacted topic. `time` is in
    microseconds since 1970 UTC. Of what is sent only value, key, headers and time count; a time of
    None is that of sending.
    """

    value: T_co | None
    key: bytes | None = None
    headers: Headers = ()
    time: int | None = None
    topic: str = ""
    partition: int = -1
    offset: int = -1
