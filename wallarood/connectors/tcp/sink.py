"""A sink that sends records to a TCP server: what is committed, each once; or all, at once.

Theory of operation
===================
Exactly once: what was written is collected in a file of frames, which becomes durable with the
checkpoint; each frame has its sequence number in it. When the checkpoint is committed the file is
sent, and it is done when the receiver has acknowledged the last; what the receiver says is read
while the file is sent, so that neither waits for the other. After a crash the same file is sent
again, so a number always stands for the same bytes; and the receiver says with its first word which
numbers it has. The file goes when it was acknowledged. Its checksum is part of the checkpoint.
When the cluster goes back below what it has published, see `wallarood.connectors.spool.place`.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import attrs
import trio

from wallarood.app.connector import SinkContext, SinkWriter
from wallarood.connectors.framing import VERSION, Hello, record_frame
from wallarood.connectors.spool.files import SpoolFiles, check_files, opened_files
from wallarood.connectors.spool.target import Marker, writer_name
from wallarood.connectors.tcp.connection import BROKEN, Connection, connected
from wallarood.connectors.tcp.frame_files import ENDING, open_frames
from wallarood.connectors.tcp.line import in_line
from wallarood.connectors.tcp.line_writer import LineWriter
from wallarood.connectors.text import LineEncoder, LineFormat, encoder, payloads
from wallarood.model.errors import (
    ApplicationError,
    DamagedStateError,
    PeersGoneError,
    UsageError,
)
from wallarood.model.ids import Address, parse_address

Delivery = Literal["exactly-once", "at-least-once"]


@attrs.frozen(init=False)
class TcpSink:
    """Sends records to HOST:PORT, a connection for each instance; formats as `FileSink`.

    With ``delivery="exactly-once"`` a record is a frame with a sequence number, as `TcpSource`
    takes them; the frames are described in wallarood-protocol(7). Only what is committed is sent,
    so records arrive a checkpoint at a time. With ``"at-least-once"`` records are lines, sent at
    once, and no answer is needed. A server that is away is tried again until it is back.

    Guarantee of exactly-once: a receiver that takes each sequence number of a client once, as
    `TcpSource` does, has every result once, whichever process dies; a number that comes again has
    the same bytes. The client is called ``APPLICATION-STEP@WORKER-INSTANCE-CLUSTER``. When a kept
    checkpoint is put back, what came after it is sent again by a client with ``-line-1`` (2, 3, …)
    after this name, whose hello says which records it replaces; see wallarood-protocol(7).

    Guarantee of at-least-once: after a crash, what was sent since the last checkpoint is sent
    again; what was on its way when the server died may be lost.

    >>> import wallarood as w
    >>> sink = w.TcpSink("127.0.0.1:7900", format="json")
    """

    for_heirs: ClassVar[bool] = True

    address: Address
    format: LineFormat
    delivery: Delivery

    def __init__(
        self,
        address: str,
        *,
        format: LineFormat = "lines",
        delivery: Delivery = "exactly-once",
    ) -> None:
        encoder(format)
        if delivery not in ("exactly-once", "at-least-once"):
            raise ApplicationError(
                f"TcpSink: delivery={delivery!r}: expected 'exactly-once' or 'at-least-once'"
            )
        try:
            self.__attrs_init__(parse_address(address), format, delivery)
        except UsageError as error:
            raise ApplicationError(f"TcpSink: {error.message}") from None

    async def open(self, context: SinkContext, state: Any) -> SinkWriter:
        """See `Sink.open`; connects when there is something to send.

        Raises CannotCreateError: its directory cannot be made.
        """
        if self.delivery == "at-least-once":
            return LineWriter(self.address, encoder(self.format, sink=context.step))
        client = writer_name(context)
        files = await opened_files(context, state, ENDING)
        encode = encoder(self.format, sink=context.step)
        return FrameWriter(self.address, self.format, client, files, encode)

    verify = staticmethod(check_files)


@attrs.define(eq=False)
class FrameWriter:
    """An open exactly-once `TcpSink`. `client` is its name in line 0."""

    address: Address
    format: LineFormat
    client: str
    files: SpoolFiles
    encode: LineEncoder
    _connection: Connection | None = attrs.field(default=None, init=False)

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`."""
        return self.files.due.in_state(self.files.place.state)

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`. Raises CannotCreateError: the disk is full."""
        numbered = enumerate(payloads(self.encode, self.format, records), self.files.place.next)
        data = b"".join([record_frame(number, payload) for number, payload in numbered])
        if self.files.add(data, len(records)):
            await trio.to_thread.run_sync(self.files.flush)

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`: the file, its checksum, and its last sequence number."""
        if not self.files.has_some:
            return None
        return await trio.to_thread.run_sync(self.files.prepare)

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`: returns when the receiver has acknowledged the last record.

        Raises PeersGoneError: it does not answer, or refuses. Raises DamagedStateError: the frames
        are gone or damaged, and the receiver does not have them; or it has more than there are.
        """
        path, last = self.files.path_of(prepared), prepared["last"]
        line = prepared["line"]
        try:
            connection = await self._connected(line, tuple(prepared["after"]))
            if line == self.files.place.line:
                self.files.due.published(Marker(line, last))
            if connection.acknowledged < last:
                await trio.to_thread.run_sync(self.files.check, prepared)
                await self._send(path, last, connection)
        except BROKEN as error:
            await self._disconnect()
            reason = str(error) or "no answer"
            raise PeersGoneError(f"receiver {self.address}: {reason}") from error
        except PeersGoneError as error:
            await self._disconnect()
            raise PeersGoneError(f"receiver {self.address}: {error.message}") from error
        await trio.to_thread.run_sync(self.files.remove, prepared)

    async def _connected(self, line: int, after: tuple[int, int]) -> Connection:
        client = in_line(self.client, line)
        if self._connection is not None and self._connection.client != client:
            await self._disconnect()
        if self._connection is None:
            hello = Hello(VERSION, client)
            if line:
                hello = Hello(VERSION, client, self.client, line, *after)
            connection = await connected(self.address, hello)
            try:
                if line == self.files.place.line:
                    await self._compare(connection)
            except BaseException:
                await trio.aclose_forcefully(connection.stream)
                raise
            self._connection = connection
        return self._connection

    async def _compare(self, connection: Connection) -> None:
        if connection.acknowledged > (due := self.files.due.most.last):
            raise DamagedStateError(
                f"receiver {self.address} has {connection.acknowledged:,} records of "
                f"{connection.client}, but only {due:,} were made for it: the cluster was "
                "restored to a point before what it has published. Restore a newer state "
                "directory on at least one worker, or form a new cluster"
            )
        await self.files.due.compared()

    async def _send(self, path: Path, last: int, connection: Connection) -> None:
        file = await trio.to_thread.run_sync(open_frames, path, connection.acknowledged)
        try:
            await connection.send(file, last)
        finally:
            file.close()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await trio.aclose_forcefully(connection.stream)

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        await self._disconnect()
        self.files.close()
