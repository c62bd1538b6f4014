"""Messages as records: values alone, or whole messages."""

from typing import Any

import attrs

from wallarood.app.connector import SourceBatch, Unreadable
from wallarood.connectors.codecs.codec import Decode
from wallarood.connectors.kafka.broker import kafka
from wallarood.connectors.kafka.message import KafkaMessage
from wallarood.connectors.kafka.topics import Partition
from wallarood.connectors.values import DECODE_ERRORS, decoded
from wallarood.model.errors import ApplicationError

TOMBSTONE = "a message without a value (tombstone): messages=True takes these"


@attrs.frozen
class Reading:
    """How messages of `server` become records: `whole` or only their values.

    `stops`: what cannot be read is an error. `stamps`: their times are used.
    """

    server: str
    decode: Decode | None
    whole: bool
    stops: bool
    stamps: bool = True

    def value(self, raw: bytes | None) -> Any:
        """One value. Raises ValueError or one of `DECODE_ERRORS`: it cannot be read."""
        if raw is None:
            if self.whole:
                return None
            raise ValueError(TOMBSTONE)
        return raw if self.decode is None else self.decode(raw)

    def values(self, raw: list[bytes | None]) -> list[Any] | None:
        """All values of a batch; None if one of them cannot be read."""
        if None in raw:
            return None
        full: list[Any] = raw
        return full if self.decode is None else decoded(self.decode, full)


def read(messages: list[Any], reading: Reading, partition: Partition) -> SourceBatch[Any]:
    """The records of *messages*; the position is left to the caller.

    Raises ApplicationError: one cannot be read, and that stops.
    """
    unreadable = []
    values = reading.values(list(map(kafka().Message.value, messages)))
    if values is None:
        values, readable = [], []
        for each in messages:
            try:
                values.append(reading.value(each.value()))
                readable.append(each)
            except (ValueError, *DECODE_ERRORS) as error:
                place = f"{partition} offset {each.offset()}"
                unreadable.append(_unreadable(each, reading, place=place, error=str(error)))
        messages = readable
    if not (reading.whole or reading.stamps):
        return SourceBatch(values, None, tuple(unreadable))
    times = [each.timestamp()[1] * 1000 for each in messages]
    if reading.whole:
        values = [
            KafkaMessage(
                value,
                each.key(),
                tuple(each.headers() or ()),
                stamp,
                each.topic(),
                each.partition(),
                each.offset(),
            )
            for value, each, stamp in zip(values, messages, times, strict=True)
        ]
    return SourceBatch(values, None, tuple(unreadable), times)


def _unreadable(message: Any, reading: Reading, *, place: str, error: str) -> Unreadable:
    raw = message.value()
    if reading.stops:
        raise ApplicationError(
            f"message {place} of {reading.server} cannot be read: {error}\n"
            f"  value: {raw!r:.200}\n"
            "Correct format= and record=, or say on_error="
        )
    return Unreadable(error, raw or b"", place)
