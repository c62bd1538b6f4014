"""A message of MQTT as a record."""

from typing import Any, Generic

import msgspec
import typing_extensions

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class MqttMessage(msgspec.Struct, Generic[T_co], frozen=True):
    """A message: what `MqttSource` gives with ``messages=True``, and what `MqttSink` takes.

    `properties` are its user properties. `time` is when it came, in microseconds since 1970 UTC; it
    is not sent. `retain` is whether the broker keeps it for those who subscribe later.
    """

    value: T_co
    topic: str = ""
    retain: bool = False
    properties: tuple[tuple[str, str], ...] = ()
    time: int = 0
