"""A source of the events that an HTTP server sends (server-sent events)."""
# Theory of operation
# ===================
# The ID of the last event is the position that the server understands: the journal remembers it,
# and whoever connects again sends it, so that a server which keeps events sends what was missed.

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import attrs
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.http.client import connected
from wallarood.connectors.http.url import Url
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.journal.intake import open_intake
from wallarood.connectors.journal.left import check_journal_at, directory_of
from wallarood.connectors.live.form import ValueForm
from wallarood.connectors.sse.following import Events, SseMessage, subscribe
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.model.errors import ApplicationError

JOURNAL_BYTES_MAX = 256 << 20
NAME = "SseSource"
NAMES_MAX = 16
"""Of the newest IDs: more than one, since an ID may come again."""

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class SseOptions(TypedDict, total=False):
    """What an `SseSource` may be told besides what its records are."""

    kinds: Sequence[str] | None
    headers: Mapping[str, str] | None
    secrets: Mapping[str, str] | None
    ca_file: str | None
    silence_s: float | None
    on_error: OnError
    journal_bytes_max: int


@attrs.frozen(init=False)
class SseSource(Generic[T_co]):
    """The events that an HTTP server sends (server-sent events, ``text/event-stream``).

    *url*, *headers*, *secrets* and *ca_file* are those of `HttpSink`. Records are the data of
    events, in `format` "json" (default), "text", "bytes" or "msgpack", of type `record`; with
    ``messages=True`` they are `SseMessage`, with kind and ID. *kinds* are those that are read,
    as ``["message"]``; None (default): all. A connection that is silent for *silence_s* is made
    again (default None: as long as it is there). One worker reads. `on_error` is what becomes of
    data that cannot be read: "stop" (default), "skip" or `dead_letter(sink)`. ``w.event_time()``
    stamps records by when they came.

    Guarantee: what has come is journalled (up to *journal_bytes_max*, default 256 MiB) and counted
    exactly once. What the server sends while nothing is connected is read only if it numbers its
    events and sends again what follows a ``Last-Event-ID``; else it is lost, which the log says.

    >>> import wallarood as w
    >>> changes = w.source("changes", w.SseSource("http://127.0.0.1:7900/changes"))
    """

    url: Url
    format: ValueFormat
    value: Any
    messages: bool
    kinds: tuple[str, ...] | None
    silence_s: float | None
    on_error: OnError
    journal_bytes_max: int
    scope: Scope = Scope.SHARED
    bounded: bool = False
    stamped: bool = True

    @overload
    def __init__(
        self: "SseSource[SseMessage[Any]]",
        url: str,
        *,
        messages: Literal[True],
        format: ValueFormat = "json",
        record: Any = None,
        **options: Unpack[SseOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "SseSource[str]",
        url: str,
        *,
        format: Literal["text"],
        **options: Unpack[SseOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "SseSource[T]",
        url: str,
        *,
        record: type[T],
        format: ValueFormat = "json",
        **options: Unpack[SseOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "SseSource[Any]",
        url: str,
        *,
        record: Any = None,
        format: ValueFormat = "json",
        **options: Unpack[SseOptions],
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *,
        format: ValueFormat = "json",
        record: Any = None,
        messages: bool = False,
        kinds: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        silence_s: float | None = None,
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        where = Url(url, dict(headers or {}), dict(secrets or {}), ca_file)
        where.check(NAME)
        policy_of(on_error)
        value = record_of(NAME, format, record)
        if isinstance(kinds, str):
            raise ApplicationError(f"{NAME}: kinds={kinds!r}: expected a list of names")
        for name, number in (("silence_s", silence_s), ("journal_bytes_max", journal_bytes_max)):
            if number is not None and number <= 0:
                raise ApplicationError(f"{NAME}: {name}={number}: expected more than 0")
        self.__attrs_init__(
            where,
            format,
            value,
            messages=messages,
            kinds=None if kinds is None else tuple(kinds),
            silence_s=silence_s,
            on_error=on_error,
            journal_bytes_max=journal_bytes_max,
        )

    @property
    def record(self) -> Any:
        """The type of the records."""
        return SseMessage if self.messages else self.value

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return ("events",)

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
        connection = await connected(self.url)
        try:
            await subscribe(connection, "")
        finally:
            await connection.aclose()

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the journal cannot be written. Raises DamagedStateError: it is
        damaged, or does not reach back to *position*.
        """
        form = ValueForm(decoder_of(self.format, self.value), str(self.url))
        events = Events(
            self.url, form, self.messages, self.kinds, silence_s=self.silence_s,
            event_bytes_max=context.limits.record_bytes_max,
        )  # fmt: skip
        intake = await open_intake(
            context,
            position,
            events.again,
            name=partition,
            bytes_max=self.journal_bytes_max,
            repeats_max=NAMES_MAX,
            policy=policy_of(self.on_error),
        )
        intake.start(events.follow, f"source {context.step!r}: events")
        return intake
