"""What a format of messages is that needs a schema: a value, given as ``format=``."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

Decode: TypeAlias = Callable[[bytes], Any]
Encode: TypeAlias = Callable[[list[Any]], list[bytes]]


class NotReadableError(ValueError):
    """A message is not what its schema says."""


class Codec(Protocol):
    """A format of messages. It is a value that is built on every worker, so it imports nothing."""

    @property
    def record(self) -> Any:
        """The type of what is read."""

    def decoder(self) -> Decode:
        """What makes a value of the bytes of a message, and raises NotReadableError."""

    def encoder(self, sink: str) -> Encode:
        """What makes the bytes of values for the sink of a name.

        It raises ApplicationError: a value cannot be sent; it is named.
        """
