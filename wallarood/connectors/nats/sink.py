"""A sink into a stream of NATS JetStream, exactly once."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import attrs

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.codecs.codec import Encode
from wallarood.connectors.nats.server import Address
from wallarood.connectors.nats.target import Kept, NatsTarget
from wallarood.connectors.spool.files import check_files
from wallarood.connectors.spool.sink import SPOOL_BYTES_MAX, SpooledSink
from wallarood.connectors.values import ValueFormat, codec_in, encoder_of
from wallarood.model.errors import ApplicationError

Subject: TypeAlias = str | Callable[[Any], str]
MARKERS = "wallarood.markers"


@attrs.frozen
class MessageEncoder:
    """Records as subject and payload, for *step*."""

    values: Encode
    subject: Subject
    step: str

    def __call__(self, records: list[Any]) -> list[Kept]:
        """Raises ApplicationError: a record cannot be sent; it is named."""
        if isinstance(self.subject, str):
            return [(self.subject, value) for value in self.values(records)]
        subjects = [self._of(record) for record in records]
        return list(zip(subjects, self.values(records), strict=True))

    def _of(self, record: Any) -> str:
        assert not isinstance(self.subject, str)
        subject = self.subject(record)
        if not is_subject(subject):
            raise ApplicationError(
                f"sink {self.step!r}: subject= gave {subject!r:.100}, which is no subject of NATS: "
                f"expected words with dots between\n  record: {record!r:.200}"
            )
        return subject


def is_subject(text: Any) -> bool:
    """Whether something may be sent to *text*."""
    return (
        isinstance(text, str)
        and all(text.split("."))
        and not any(each in text for each in " \t\r\n*>")
    )


@attrs.frozen(init=False)
class NatsSink:
    """Publishes to subjects of a stream of NATS JetStream.

    *url* is ``nats://USER@HOST:PORT``, with TLS ``tls://…``, verified by *ca_file* or the system's
    authorities; several servers of a cluster stand with commas between them. The password stands in
    *password_file*. *subject* is one, or a function of the record. `format` is "json" (default),
    "text", "bytes" or "msgpack". Needs no extra, and a server of version 2.12 or newer.

    Guarantee: exactly once, in order for each writer. Atomic batches of up to 999 messages have a
    marker each, at a subject below *marker_prefix*. The stream must have ``allow_atomic``, and both
    the subjects and ``MARKER_PREFIX.*`` among its own; with ``max_age`` the worker stops if it had
    nothing to send for that long, since its marker is gone. While the server is away, records wait
    in the state directory (*spool_bytes_max*, default 1 GiB for each instance); then sources pause.

    >>> from wallarood import NatsSink
    >>> sink = NatsSink("nats://localhost:4222", "COUNTS", "counts.words")
    """

    for_heirs: ClassVar[bool] = True

    address: Address
    stream: str
    subject: Subject
    format: ValueFormat
    marker_prefix: str
    spool_bytes_max: int

    def __init__(
        self,
        url: str,
        stream: str,
        subject: Subject,
        *,
        format: ValueFormat = "json",
        password_file: str | None = None,
        ca_file: str | None = None,
        marker_prefix: str = MARKERS,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        address = Address(url, password_file, ca_file)
        address.check("NatsSink")
        if not callable(subject) and not is_subject(subject):
            raise ApplicationError(
                f"NatsSink: subject={subject!r:.100}: expected words with dots between, or a "
                "function of a record"
            )
        codec_in("NatsSink", format)
        self.__attrs_init__(address, stream, subject, format, marker_prefix, spool_bytes_max)

    def _spooled(self, step: str) -> SpooledSink:
        encode = MessageEncoder(encoder_of("NatsSink", self.format, step), self.subject, step)

        def connect(writer: str) -> NatsTarget:
            return NatsTarget(self.address, self.stream, self.marker_prefix, writer, encode)

        return SpooledSink(connect, server=str(self.address), spool_bytes_max=self.spool_bytes_max)

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`. Connects when there is something to publish."""
        return await self._spooled(context.step).open(context, state)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or stream cannot be used. Changes nothing there."""
        await self._spooled("").check_connected()
