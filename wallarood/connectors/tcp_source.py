"""Sources that listen on a TCP port: framed records, or lines of text.

Theory of operation
===================
Everything happens inside `read`, in the task of the source: it takes new clients, reads what has
arrived from each, and waits when there is nothing. Between two reads nobody reads, so a slow
pipeline fills the socket buffers and so slows down the clients: that is the backpressure.
"""

import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import attrs
import msgspec
import structlog
import trio

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits
from wallarood.model.errors import ApplicationError, CannotCreateError, UsageError
from wallarood.model.ids import Address, parse_address

CLIENTS_MAX = 256
RECEIVE_BYTES = 64 << 10
_LENGTH = struct.Struct(">I")

log = structlog.get_logger(__name__)


class _Splitter(Protocol):
    """Takes records off the front of a buffer. Raises ValueError: they are malformed."""

    def __call__(self, buffer: bytearray, record_bytes_max: int) -> list[Any]: ...


@attrs.frozen(init=False)
class TcpSource:
    """Framed records from TCP clients: a length (4 bytes, big-endian), then so many bytes.

    Records are `bytes`; with `record` they are JSON of that type. *address* is HOST:PORT; port 0
    takes a free one, which is logged. With ``scope="shared"`` one worker listens, with ``"local"``
    every worker does. Up to 256 clients are served; one that sends a malformed or too long record
    is dropped with a line in the log, and so is what it sent of an unfinished record.

    Guarantee: at most once. Nothing is acknowledged, and records in memory are lost when the worker
    dies.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.TcpSource("127.0.0.1:7800", record=dict[str, int]))
    """

    address: Address
    scope: Scope
    record: Any
    bounded: bool = False

    def __init__(
        self,
        address: str,
        *,
        record: Any = bytes,
        scope: Literal["shared", "local"] = "shared",
    ) -> None:
        self.__attrs_init__(_address("TcpSource", address), _scope("TcpSource", scope), record)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TcpReader":  # noqa: ARG002
        """See `Source.open`. Raises CannotCreateError: the address cannot be bound."""
        decode = None if self.record is bytes else msgspec.json.Decoder(self.record).decode
        return TcpReader(_listen(self.address), _Frames(decode), context.limits)


@attrs.frozen(init=False)
class LineTcpSource:
    """Lines of UTF-8 text from TCP clients, without their line ends. Else as `TcpSource`.

    Guarantee: at most once, as `TcpSource`.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.LineTcpSource("127.0.0.1:7801"))
    """

    address: Address
    scope: Scope
    record: Any = str
    bounded: bool = False

    def __init__(self, address: str, *, scope: Literal["shared", "local"] = "shared") -> None:
        self.__attrs_init__(_address("LineTcpSource", address), _scope("LineTcpSource", scope))

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return (str(self.address),)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "TcpReader":  # noqa: ARG002
        """See `Source.open`. Raises CannotCreateError: the address cannot be bound."""
        return TcpReader(_listen(self.address), _lines, context.limits)


def _address(name: str, text: str) -> Address:
    try:
        return parse_address(text)
    except UsageError as error:
        raise ApplicationError(f"{name}: {error.message}") from None


def _scope(name: str, text: str) -> Scope:
    if text not in ("shared", "local"):
        raise ApplicationError(f"{name}: scope={text!r}: expected 'shared' or 'local'")
    return Scope(text)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=128)
    except OSError as error:
        raise CannotCreateError(
            f"source cannot listen on {address}: {error.strerror or error}"
        ) from error
    listener.setblocking(False)
    host, port = listener.getsockname()[:2]
    log.info("source listening", address=str(Address(host, port)))
    return listener


@attrs.frozen
class _Frames:
    """The splitter of `TcpSource`."""

    decode: Callable[[bytes], Any] | None

    def __call__(self, buffer: bytearray, record_bytes_max: int) -> list[Any]:
        records: list[Any] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(buffer, start)
            if size > record_bytes_max:
                raise ValueError(f"a record of {size:,} bytes, at most {record_bytes_max:,}")
            end = start + _LENGTH.size + size
            if len(buffer) < end:
                break
            data = bytes(buffer[start + _LENGTH.size : end])
            records.append(data if self.decode is None else self.decode(data))
            start = end
        del buffer[:start]
        return records


def _lines(buffer: bytearray, record_bytes_max: int) -> list[Any]:
    """The splitter of `LineTcpSource`."""
    end = buffer.rfind(b"\n") + 1
    if len(buffer) - end > record_bytes_max:
        raise ValueError(f"a line of more than {record_bytes_max:,} bytes")
    if not end:
        return []
    text = bytes(buffer[:end]).decode("utf-8")
    del buffer[:end]
    return [line.removesuffix("\r") for line in text.split("\n")[:-1]]


@attrs.define(eq=False)
class _Client:
    socket: socket.socket
    peer: str
    buffer: bytearray = attrs.field(factory=bytearray)


@attrs.define(eq=False)
class TcpReader:
    """An open listener and its clients."""

    listener: socket.socket
    split: _Splitter
    limits: SourceLimits
    clients: deque[_Client] = attrs.field(factory=deque, init=False)
    _pending: deque[Any] = attrs.field(factory=deque, init=False)

    @property
    def address(self) -> Address:
        """Where clients connect to."""
        host, port = self.listener.getsockname()[:2]
        return Address(host, port)

    async def read(self) -> SourceBatch:
        """See `SourceReader.read`; there is no end and no position to come back to."""
        await trio.lowlevel.checkpoint()
        while not self._pending:
            self._take_clients()
            self._receive()
            if not self._pending:
                await self._wait()
        count = min(len(self._pending), self.limits.batch_records_max)
        return SourceBatch([self._pending.popleft() for _ in range(count)], None)

    def _take_clients(self) -> None:
        while len(self.clients) < CLIENTS_MAX:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            self.clients.append(_Client(connection, str(Address(*peer[:2]))))

    def _receive(self) -> None:
        """Read from each client once, in turn, until a batch is full."""
        for _ in range(len(self.clients)):
            if len(self._pending) >= self.limits.batch_records_max:
                return
            client = self.clients.popleft()
            if self._receive_from(client):
                self.clients.append(client)
            else:
                client.socket.close()

    def _receive_from(self, client: _Client) -> bool:
        """Take what has arrived from one client; whether it stays."""
        try:
            data = client.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError as error:
            log.warning("client lost", peer=client.peer, reason=error.strerror)
            return False
        if not data:
            if client.buffer:
                log.warning(
                    "unfinished record dropped", peer=client.peer, size_bytes=len(client.buffer)
                )
            return False
        client.buffer += data
        try:
            self._pending.extend(self.split(client.buffer, self.limits.record_bytes_max))
        except ValueError as error:
            log.warning("client dropped: malformed record", peer=client.peer, reason=str(error))
            return False
        return True

    async def _wait(self) -> None:
        """Wait until a client has sent something, or a new one is there."""
        sockets = [client.socket for client in self.clients]
        if len(self.clients) < CLIENTS_MAX:
            sockets.append(self.listener)
        async with trio.open_nursery() as nursery:

            async def wait_for(one: socket.socket) -> None:
                await trio.lowlevel.wait_readable(one)
                nursery.cancel_scope.cancel()

            for one in sockets:
                nursery.start_soon(wait_for, one)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`: nothing is kept."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        for each in (self.listener, *(client.socket for client in self.clients)):
            with contextlib.suppress(OSError):
                each.close()
