"""Records as messages: what a sink keeps on disk until it is sent."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs

from wallarood.connectors.codecs.codec import Encode
from wallarood.connectors.kafka.message import KafkaMessage
from wallarood.connectors.spool.blocks import Pairs
from wallarood.model.errors import ApplicationError

Bare: TypeAlias = tuple[bytes | None, bytes | None]
Kept: TypeAlias = Bare | tuple[bytes | None, bytes | None, Any, int]
"""What is sent: value and key; or also headers, and time in milliseconds, 0 for that of sending."""
Key: TypeAlias = Callable[[Any], str | bytes | None]

MESSAGE_BYTES_MAX = 1_000_000
"""What librdkafka takes unless its setting message.max.bytes says otherwise, and brokers too."""
OVERHEAD_BYTES = 1_000


@attrs.frozen
class MessageEncoder:
    """Makes what is kept of records for *step*; a message has at most so many bytes."""

    values: Encode
    key: Key | None
    step: str
    bytes_max: int = MESSAGE_BYTES_MAX

    def __call__(self, records: list[Any]) -> list[Kept] | Pairs:
        """Raises ApplicationError: a record cannot be sent; it is named."""
        if any(issubclass(kind, KafkaMessage) for kind in set(map(type, records))):
            kept = [self._one(record) for record in records]
            self._check_sizes(kept, records)
            return kept
        pairs = Pairs(self.values(records), self._keys(records))
        if not self._are_short(pairs.first, pairs.second):
            self._check_sizes(pairs, records)
        return pairs

    def _are_short(self, values: list[bytes], keys: list[bytes | None]) -> bool:
        """Whether none is too large; quick where all together are not."""
        limit = self.bytes_max - OVERHEAD_BYTES
        try:
            if len(b"".join(values)) + len(b"".join(keys)) <= limit:  # type: ignore[arg-type]
                return True
        except TypeError:  # some have no key
            pass
        return longest(values) + longest(keys) <= limit

    def _check_sizes(self, kept: Iterable[Kept], records: list[Any]) -> None:
        limit = self.bytes_max - OVERHEAD_BYTES
        for (value, key, *_), record in zip(kept, records, strict=True):
            if len(value or b"") + len(key or b"") > limit:
                raise ApplicationError(
                    f"sink {self.step!r}: a record has {len(value or b''):,} bytes, and a message "
                    f"has at most {self.bytes_max:,}: make it smaller, or raise message.max.bytes "
                    f"in settings= and at the topic\n  record: {record!r:.200}"
                )

    def _keys(self, records: list[Any]) -> list[bytes | None]:
        if self.key is None:
            return [None] * len(records)
        try:
            return [key.encode() for key in map(self.key, records)]  # type: ignore[union-attr]
        except Exception:  # one that is bytes or None, or wrong: see each
            return [self._key(record) for record in records]

    def _key(self, record: Any) -> bytes | None:
        assert self.key is not None
        try:
            key = self.key(record)
        except Exception as error:
            raise ApplicationError(
                f"sink {self.step!r}: key= raised {type(error).__name__}: {error}\n"
                f"  record: {record!r:.200}"
            ) from error
        if isinstance(key, str):
            return key.encode()
        if key is None or isinstance(key, bytes):
            return key
        raise ApplicationError(
            f"sink {self.step!r}: key= gave a {type(key).__name__}, expected str, bytes or None\n"
            f"  record: {record!r:.200}"
        )

    def _one(self, record: Any) -> Kept:
        if not isinstance(record, KafkaMessage):
            return self.values([record])[0], self._keys([record])[0]
        value = None if record.value is None else self.values([record.value])[0]
        key = record.key
        if key is None and self.key is not None:
            key = self._key(record)
        stamp = 0 if record.time is None else record.time // 1000
        if stamp < 0:
            raise self._error(record, "its time is before 1970, which Kafka cannot keep")
        for header in record.headers:
            match header:
                case (str(), bytes() | str() | None):
                    pass
                case _:
                    raise self._error(record, f"header {header!r:.100}: expected (str, bytes)")
        return value, key, list(record.headers) or None, stamp

    def _error(self, record: Any, what: str) -> ApplicationError:
        return ApplicationError(f"sink {self.step!r}: {what}\n  record: {record!r:.200}")


def longest(strings: Sequence[bytes | None]) -> int:
    """The length of the longest of *strings*, of which some may be missing."""
    try:
        return max(map(len, strings), default=0)  # type: ignore[arg-type]
    except TypeError:
        return max(len(each or b"") for each in strings)
