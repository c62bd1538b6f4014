"""Messages in Protobuf, of one generated class."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from wallarood.connectors.codecs.codec import Decode, Encode, NotReadableError
from wallarood.model.errors import ApplicationError

T = TypeVar("T")


@attrs.frozen
class Protobuf(Generic[T]):
    """Messages in Protobuf, as the `format` of a source or sink of messages.

    *message* is a class that ``protoc`` has generated, which brings the library with it (``pip
    install 'wallarood[protobuf]'``). What is read is a message of this class; what is written is
    one, or a dict of its fields. Headers of a registry are not supported.

    >>> import wallarood as w
    >>> from google.protobuf.duration_pb2 import Duration  # a class of your own here
    >>> spans = w.NatsSource("nats://nats", "SPANS", "spans", format=w.Protobuf(Duration))
    """

    message: type[T]

    def __attrs_post_init__(self) -> None:
        if not hasattr(self.message, "DESCRIPTOR") or not hasattr(self.message, "FromString"):
            raise ApplicationError(
                f"Protobuf: {self.message!r:.100}: expected a class of a message that protoc has "
                "generated"
            )

    @property
    def record(self) -> Any:
        """See `Codec.record`."""
        return self.message

    def decoder(self) -> Decode:
        """See `Codec.decoder`."""
        read: Any = getattr(self.message, "FromString")  # noqa: B009

        def decode(raw: bytes) -> Any:
            try:
                return read(raw)
            except Exception as error:  # DecodeError of google.protobuf.message
                raise NotReadableError(str(error)) from error

        return decode

    def encoder(self, sink: str) -> Encode:
        """See `Codec.encoder`."""
        kind: Any = self.message

        def encode(values: list[Any]) -> list[bytes]:
            made = []
            for value in values:
                try:
                    message = kind(**value) if isinstance(value, Mapping) else value
                    if not isinstance(message, kind):
                        raise TypeError(f"it is a {type(value).__name__}")
                    made.append(message.SerializeToString())
                except Exception as error:  # EncodeError of google.protobuf.message, and others
                    raise ApplicationError(
                        f"sink {sink!r} cannot write a record as {kind.__name__}: {error}\n"
                        f"  record: {value!r:.200}"
                    ) from error
            return made

        return encode
