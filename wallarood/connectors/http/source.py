"""A source that takes HTTP requests, as webhooks are."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.connectors.http.messages import Form, HttpMessage
from wallarood.connectors.http.options import OWNER, RequestOptions, Requests
from wallarood.connectors.http.server import Desk, Server
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.journal.intake import Intake, open_intake
from wallarood.connectors.journal.left import directory_of, open_left, take_clients
from wallarood.connectors.listening import BIND_WAIT_S, listening
from wallarood.connectors.moved import check_moved
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.model.errors import ApplicationError, UsageError
from wallarood.model.ids import Address, parse_address

NAMES_MAX = 10_000
"""How many names of requests are remembered."""

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


@attrs.frozen(init=False)
class HttpSource(Generic[T_co]):
    """The bodies of POST requests, as webhooks send them, each answered when it is durable.

    *address* is HOST:PORT to listen on; port 0 takes a free one, which is logged. *path* is the one
    that requests are taken at (default "/"); with ``*`` at its end, all that begin so. A body is a
    record, or with *body* "lines" or "array" it has up to 20,000, one on each line, or in a JSON
    array. `format`
    is "json" (default), "text", "bytes" or "msgpack", and *record* their type. With
    ``messages=True`` records are `HttpMessage`, with path, query and headers. ``w.event_time()``
    stamps them by when they came.

    With *signature* "github" (``X-Hub-Signature-256``), "stripe" (``Stripe-Signature``, at most
    *tolerance_s* old, default 300) or "bearer" (``Authorization: Bearer``), only requests that show
    a secret of *secret_file* are taken; it has one on each line. With *certificate_file* and
    *key_file* it speaks HTTPS, and takes a renewed certificate.

    A body that cannot be decoded is answered with 400; with *on_error* "skip" or
    `dead_letter(sink)` it is taken, and skipped or a dead letter. A body has at most
    *body_bytes_max* (default 1 MiB). While the journal has *journal_bytes_max* (default 256 MiB)
    the answer is 503. *scope* is that of `TcpSource`.

    Guarantee: what was answered with 200 is counted exactly once. A sender that repeats a request,
    having had no answer, has it counted once if its *id_header* (default ``Idempotency-Key``; None:
    none) is the same as before, among the last 10,000; else it is counted again.

    >>> import wallarood as w
    >>> pushes = w.source("pushes", w.HttpSource("127.0.0.1:7880", path="/push"))
    """

    address: Address
    format: ValueFormat
    value: Any
    messages: bool
    requests: Requests
    bounded: bool = False
    stamped: bool = True

    @overload
    def __init__(
        self: "HttpSource[HttpMessage[Any]]",
        address: str,
        *,
        messages: Literal[True],
        format: ValueFormat = "json",
        record: Any = None,
        **options: Unpack[RequestOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "HttpSource[str]",
        address: str,
        *,
        format: Literal["text"],
        **options: Unpack[RequestOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "HttpSource[bytes]",
        address: str,
        *,
        format: Literal["bytes"],
        **options: Unpack[RequestOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "HttpSource[T]",
        address: str,
        *,
        record: type[T],
        format: ValueFormat = "json",
        **options: Unpack[RequestOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "HttpSource[Any]",
        address: str,
        *,
        record: Any = None,
        format: ValueFormat = "json",
        **options: Unpack[RequestOptions],
    ) -> None: ...
    def __init__(
        self,
        address: str,
        *,
        format: ValueFormat = "json",
        record: Any = None,
        messages: bool = False,
        **options: Unpack[RequestOptions],
    ) -> None:
        value = record_of(OWNER, format, record)
        requests = Requests(**options)
        if requests.body == "array" and format != "json":
            raise ApplicationError(f'{OWNER}: body="array" needs format="json"')
        if requests.body == "lines" and format == "msgpack":
            raise ApplicationError(f'{OWNER}: body="lines" is for text, and msgpack has no lines')
        try:
            where = parse_address(address)
        except UsageError as error:
            raise ApplicationError(f"{OWNER}: {error.message}") from None
        self.__attrs_init__(where, format, value, messages, requests)

    @property
    def scope(self) -> Scope:
        """Whether one worker listens, or every worker does."""
        return Scope(self.requests.scope)

    @property
    def on_error(self) -> OnError:
        """What becomes of a body that cannot be decoded."""
        return self.requests.on_error

    @property
    def record(self) -> Any:
        """The type of the records."""
        return HttpMessage if self.messages else self.value

    verify = staticmethod(check_journals)

    def check(self) -> None:
        """Raises ConfigurationError: certificate or secrets cannot be read."""
        self.requests.certificate()
        self.requests.verifier()

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def journal(self, partition: str) -> str:
        """See `Journalled.journal`."""
        return directory_of(partition)

    async def check_moved(self, partition: str, position: Any, context: SourceContext) -> None:
        """See `Journalled.check_moved`."""
        await check_moved(self.address, partition, position, context=context)

    take_clients = staticmethod(take_clients)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the address cannot be bound, or the journal not be written.
        Raises DamagedStateError: the journal is damaged, or does not reach back to *position*.
        Raises ConfigurationError: certificate or secrets cannot be read.
        """
        requests = self.requests
        certificate, verifier = requests.certificate(), requests.verifier()
        decode = decoder_of(self.format, self.value)
        record_bytes_max = context.limits.record_bytes_max
        form = Form(
            requests.body,
            decode,
            stops=requests.stops,
            messages=self.messages,
            place=str(self.address),
            record_bytes_max=record_bytes_max,
        )
        if partition in context.left:
            return await open_left(partition, position, context, decode=form.again)
        name = directory_of(partition)
        was_here = await trio.Path(context.directory, name).exists()
        intake = await open_intake(
            context,
            position,
            form.again,
            name=name,
            bytes_max=requests.journal_bytes_max,
            repeats_max=NAMES_MAX if requests.id_header else 0,
        )
        listener = await listening(
            self.address, context.step, wait_s=BIND_WAIT_S if was_here else 0
        )
        id_header = (requests.id_header or "").lower()
        desk = Desk(intake, form, requests.path, verifier=verifier, name_header=id_header)
        server = Server(desk, requests.body_bytes_max, certificate)

        async def serve(_: Intake) -> None:
            await server.serve(listener)

        intake.start(serve, f"source {context.step!r}: HTTP")
        return intake
