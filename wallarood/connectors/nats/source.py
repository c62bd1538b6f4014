"""A source that reads subjects of a stream of NATS JetStream."""

from collections.abc import Sequence
from typing import Any, Generic, Literal

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.nats.reader import NatsReader, Reading, check_stream
from wallarood.connectors.nats.server import Address
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import ErrorPolicy

T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)
Start = Literal["earliest", "latest"]


@attrs.frozen(init=False)
class NatsSource(Generic[T_co]):
    """The messages of a stream of NATS JetStream; one worker reads each of *subjects* in order.

    *url*, *password_file* and *ca_file* are those of `NatsSink`. *subjects* may have ``*`` and
    ``>``; without any, it is all of the stream. They should not overlap. `format` is "bytes"
    (default), "text", "json" or "msgpack", of type `record` if given. `on_error` is what becomes of
    a payload that cannot be read: "stop" (default), "skip" or `dead_letter(sink)`. `start` is where
    a new cluster begins: "earliest" (default) or "latest". ``time=w.event_time()`` stamps records
    by the time at which the server stored them. Needs no extra; the stream must have
    ``allow_direct``, and the server version 2.11 or newer.

    Guarantee: exactly once. Positions are sequence numbers in the checkpoint, and there is no
    consumer at the server. If messages that were not read have passed the stream's limits, or the
    stream was made anew, the source stops and says so; it does not notice that single messages were
    deleted or replaced.

    >>> import wallarood as w
    >>> from wallarood import NatsSource
    >>> orders = w.source("orders", NatsSource("nats://localhost", "ORDERS", "orders.>"))
    """

    address: Address
    stream: str
    subjects: tuple[str, ...]
    format: ValueFormat
    record: Any
    start: Start
    on_error: OnError
    scope: Scope = Scope.SHARED
    bounded: bool = False
    stamped: bool = True
    _worked: set[str] = attrs.field(factory=set, init=False, eq=False, repr=False)
    """The subjects that were read in this process."""

    def __init__(
        self,
        url: str,
        stream: str,
        *subjects: str,
        format: ValueFormat = "bytes",
        record: Any = None,
        start: Start = "earliest",
        on_error: OnError = "stop",
        password_file: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("NatsSource")
        if start not in ("earliest", "latest"):
            raise ApplicationError(f"NatsSource: start={start!r}: expected 'earliest' or 'latest'")
        policy_of(on_error)
        kind = record_of("NatsSource", format, record)
        self.__attrs_init__(address, stream, subjects or (">",), format, kind, start, on_error)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the subjects."""
        return self.subjects

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or stream cannot be used. Changes nothing there."""
        connection = await self.address.connected()
        try:
            check_stream(await connection.stream_info(self.stream), self.address, self.stream)
        finally:
            with trio.CancelScope(shield=True):
                await connection.aclose()

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is a sequence number and when the stream was made."""
        stops = policy_of(self.on_error) is ErrorPolicy.STOP
        decode = decoder_of(self.format, self.record)
        reading = Reading(str(self.address), self.stream, partition, decode, stops, context.stamps)
        limits = context.limits
        return NatsReader(self.address, reading, position, self.start, limits, self._worked)
