"""Sources that listen on a TCP port: framed records, or lines of text.

Theory of operation
===================
What a client sends cannot be asked for again, so it is journalled before anything is done with it:
a read takes what has arrived from all clients, makes it durable with one fsync, acknowledges it,
and only then hands it to the flow. After a rollback the journal is read from the checkpoint's
position, which is the number of an entry. It is cut at committed checkpoints only; when it is full,
no client is read from until that has happened.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

import attrs
import msgspec
import structlog
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.journal.files import check_journals, open_journal
from wallarood.connectors.listening import BIND_WAIT_S
from wallarood.connectors.tcp.clients import listen
from wallarood.connectors.tcp.reader import TcpReader
from wallarood.connectors.tcp.talk import Framed, Lines, Talk
from wallarood.model.errors import ApplicationError, UsageError
from wallarood.model.ids import Address, parse_address
from wallarood.model.pipeline import ErrorPolicy

JOURNAL_BYTES_MAX = 256 << 20

log = structlog.get_logger(__name__)


T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class ListenOptions(TypedDict, total=False):
    """What a `TcpSource` may be told besides the type of its records."""

    scope: Literal["shared", "local"]
    on_error: OnError
    journal_bytes_max: int


@attrs.frozen(init=False)
class TcpSource(Generic[T_co]):
    """Framed records from TCP clients, each acknowledged when it is durable.

    The frames are described in wallarood-protocol(7); `wallarood.client.SourceClient` is a client.
    Records are `bytes`; with `record` they are JSON of that type. *address* is HOST:PORT; port 0
    takes a free one, which is logged. With ``scope="shared"`` one worker listens, with ``"local"``
    every worker does, and a client stays with one of them until that leaves the cluster. Up to 256
    clients are served; one that sends a malformed or too long record, or leaves out a sequence
    number, is told so and dropped. With *on_error* "skip" or `dead_letter(sink)` (default "stop":
    the client is told and dropped) a record that is not of its type is acknowledged, and skipped or
    a dead letter. The journal is in the state directory and takes up to *journal_bytes_max*
    (default 256 MiB).

    Guarantee: exactly once. What was acknowledged survives every crash; a client that sends again
    what it has no acknowledgement for, with the same sequence numbers, has it counted once.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.TcpSource("127.0.0.1:7800", record=dict[str, int]))
    """

    address: Address
    scope: Scope
    record: Any
    on_error: OnError
    journal_bytes_max: int
    bounded: bool = False

    @overload
    def __init__(
        self: "TcpSource[bytes]", address: str, **options: Unpack[ListenOptions]
    ) -> None: ...
    @overload
    def __init__(
        self: "TcpSource[T]", address: str, *, record: type[T], **options: Unpack[ListenOptions]
    ) -> None: ...
    @overload
    def __init__(
        self: "TcpSource[Any]", address: str, *, record: Any, **options: Unpack[ListenOptions]
    ) -> None: ...
    def __init__(
        self,
        address: str,
        *,
        record: Any = bytes,
        scope: Literal["shared", "local"] = "shared",
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        policy_of(on_error)
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), record, on_error, journal_bytes_max)

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def journal(self, partition: str) -> str:
        """See `Journalled.journal`."""
        return _directory_of(partition)

    async def check_moved(self, partition: str, position: Any, context: SourceContext) -> None:
        """See `Journalled.check_moved`."""
        from wallarood.connectors.moved import check_moved  # noqa: PLC0415 - few ever move

        await check_moved(self.address, partition, position, context=context)

    def take_clients(self, own: str, left: str) -> None:
        """See `Journalled.take_clients`."""
        from wallarood.connectors.journal.left import take_clients  # noqa: PLC0415 - as above

        take_clients(own, left)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the address cannot be bound, or the journal not be written.
        Raises DamagedStateError: the journal is damaged, or does not reach back to *position*.
        """
        decode = None if self.record is bytes else msgspec.json.Decoder(self.record).decode
        return await _opened(
            self, partition, position, context=context, talk=Framed(decode, _unreadable(self))
        )


@attrs.frozen(init=False)
class LineTcpSource:
    """Lines of UTF-8 text from TCP clients, without their line ends. Else as `TcpSource`.

    A last line without its line end counts when its client closes the connection in an orderly way.
    A line that is not UTF-8 is dropped, with a warning, and its client told; the lines around it
    are not. With *on_error* "skip" or `dead_letter(sink)` it is skipped, or a dead letter.

    Guarantee: at most once up to the journal, since nothing is acknowledged: a line that was still
    on its way when the worker died is lost. A line that was journalled is counted exactly once.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.LineTcpSource("127.0.0.1:7801"))
    """

    address: Address
    scope: Scope
    on_error: OnError
    journal_bytes_max: int
    record: Any = str
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        scope: Literal["shared", "local"] = "shared",
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        policy_of(on_error)
        _check(type(self).__name__, scope, journal_bytes_max)
        where = _address(type(self).__name__, address)
        self.__attrs_init__(where, Scope(scope), on_error, journal_bytes_max)

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def journal(self, partition: str) -> str:
        """See `Journalled.journal`."""
        return _directory_of(partition)

    async def check_moved(self, partition: str, position: Any, context: SourceContext) -> None:
        """See `Journalled.check_moved`."""
        from wallarood.connectors.moved import check_moved  # noqa: PLC0415 - few ever move

        await check_moved(self.address, partition, position, context=context)

    def take_clients(self, own: str, left: str) -> None:
        """See `Journalled.take_clients`."""
        from wallarood.connectors.journal.left import take_clients  # noqa: PLC0415 - as above

        take_clients(own, left)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[str]:
        """See `TcpSource.open`."""
        return await _opened(
            self, partition, position, context=context, talk=Lines(_unreadable(self))
        )


def _directory_of(partition: str) -> str:
    return partition.replace(os.sep, "_")


def _address(name: str, text: str) -> Address:
    try:
        return parse_address(text)
    except UsageError as error:
        raise ApplicationError(f"{name}: {error.message}") from None


def _unreadable(source: "TcpSource[Any] | LineTcpSource") -> str | None:
    """The place of what is unreadable; None: it is not taken at all."""
    stops = policy_of(source.on_error) is ErrorPolicy.STOP
    return None if stops else str(source.address)


def _check(name: str, scope: str, journal_bytes_max: int) -> None:
    if scope not in ("shared", "local"):
        raise ApplicationError(f"{name}: scope={scope!r}: expected 'shared' or 'local'")
    if journal_bytes_max < 1:
        raise ApplicationError(f"{name}: journal_bytes_max={journal_bytes_max}: expected 1 or more")


async def _opened(
    source: TcpSource[Any] | LineTcpSource,
    partition: str,
    position: Any,
    *,
    context: SourceContext,
    talk: Talk,
) -> SourceReader[Any]:
    if not context.directory:
        raise ApplicationError(f"source {context.step!r} needs a state directory for its journal")
    if partition in context.left:
        from wallarood.connectors.journal.left import open_left  # noqa: PLC0415 - as above

        def decode(payload: bytes) -> tuple[Any, int]:
            return talk.decode(payload), 0

        left = await open_left(partition, position, context, decode=decode)
        left.times = False
        return left
    where = Path(context.directory) / _directory_of(partition)
    wait_s = BIND_WAIT_S if await trio.Path(where).exists() else 0
    journal = await trio.to_thread.run_sync(
        open_journal, where, source.journal_bytes_max, context.copied
    )
    replay = journal.read(position or 0)
    clients = await listen(source.address, context.step, wait_s=wait_s)
    takes_unreadable = _unreadable(source) is not None
    return TcpReader(clients, talk, journal, context.limits, takes_unreadable, replay)
