"""A source of the messages that a WebSocket server sends."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import attrs
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.http.url import Url
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.journal.intake import open_intake
from wallarood.connectors.journal.left import check_journal_at, directory_of
from wallarood.connectors.live.form import ValueForm
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.connectors.websocket.following import Messages, conversing
from wallarood.model.errors import ApplicationError

JOURNAL_BYTES_MAX = 256 << 20
NAME = "WebSocketSource"

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class WebSocketOptions(TypedDict, total=False):
    """What a `WebSocketSource` may be told besides what its records are."""

    hello: Sequence[str | bytes]
    subprotocols: Sequence[str]
    headers: Mapping[str, str] | None
    secrets: Mapping[str, str] | None
    ca_file: str | None
    on_error: OnError
    journal_bytes_max: int


@attrs.frozen(init=False)
class WebSocketSource(Generic[T_co]):
    """The messages that a WebSocket server sends, each a record.

    *url* is ``wss://HOST/PATH`` or ``ws://…``; *headers*, *secrets* and *ca_file* are those of
    `HttpSink`. *hello* are messages that are sent when it is connected, as to subscribe to
    something; *subprotocols* are offered to the server. `format` is "json" (default), "text",
    "bytes" or "msgpack", and *record* the type. One worker reads. `on_error` is what becomes of a
    message that cannot be read: "stop" (default), "skip" or `dead_letter(sink)`.
    ``w.event_time()`` stamps records by when they came.

    Guarantee: what has come is journalled (up to *journal_bytes_max*, default 256 MiB) and counted
    exactly once. What the server sends while nothing is connected is lost, as while the worker is
    away, or all roll back; the log says so when it is connected again.

    >>> import wallarood as w
    >>> hello = '{"subscribe": "prices"}'
    >>> prices = w.source("prices", w.WebSocketSource("ws://127.0.0.1:7900/", hello=[hello]))
    """

    url: Url
    format: ValueFormat
    record: Any
    hello: tuple[str | bytes, ...]
    subprotocols: tuple[str, ...]
    on_error: OnError
    journal_bytes_max: int
    scope: Scope = Scope.SHARED
    bounded: bool = False
    stamped: bool = True

    @overload
    def __init__(
        self: "WebSocketSource[str]",
        url: str,
        *,
        format: Literal["text"],
        **options: Unpack[WebSocketOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "WebSocketSource[T]",
        url: str,
        *,
        record: type[T],
        format: ValueFormat = "json",
        **options: Unpack[WebSocketOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "WebSocketSource[Any]",
        url: str,
        *,
        record: Any = None,
        format: ValueFormat = "json",
        **options: Unpack[WebSocketOptions],
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *,
        format: ValueFormat = "json",
        record: Any = None,
        hello: Sequence[str | bytes] = (),
        subprotocols: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        where = Url(url, dict(headers or {}), dict(secrets or {}), ca_file, ("ws", "wss"))
        where.check(NAME)
        policy_of(on_error)
        for name, value in (("hello", hello), ("subprotocols", subprotocols)):
            if isinstance(value, str | bytes):
                raise ApplicationError(f"{NAME}: {name}={value!r}: expected a list")
        if journal_bytes_max < 1:
            raise ApplicationError(
                f"{NAME}: journal_bytes_max={journal_bytes_max}: expected 1 or more"
            )
        self.__attrs_init__(
            where,
            format,
            record_of(NAME, format, record),
            hello=tuple(hello),
            subprotocols=tuple(subprotocols),
            on_error=on_error,
            journal_bytes_max=journal_bytes_max,
        )

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return ("messages",)

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def journal(self, partition: str) -> str:
        """See `Journalled.journal`."""
        return directory_of(partition)

    check_moved = staticmethod(check_journal_at)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server cannot be reached, or refuses."""
        async with conversing(self.url, self.subprotocols, 1 << 20):
            pass

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the journal cannot be written. Raises DamagedStateError: it is
        damaged, or does not reach back to *position*.
        """
        messages = Messages(
            self.url,
            ValueForm(decoder_of(self.format, self.record), str(self.url)),
            self.hello,
            subprotocols=self.subprotocols,
            message_bytes_max=context.limits.record_bytes_max,
        )
        intake = await open_intake(
            context,
            position,
            messages.again,
            name=partition,
            bytes_max=self.journal_bytes_max,
            policy=policy_of(self.on_error),
        )
        intake.start(messages.follow, f"source {context.step!r}: WebSocket")
        return intake
