"""The messages of a replication slot, as they come."""
# Theory of operation
# ===================
# The connection is made in a thread. Then the event loop itself waits for its socket and lets libpq
# take what has come, which blocks for nothing. Whoever is cancelled has taken nothing.
#
# The server is told one place only: that which a committed checkpoint covers, so that it never
# forgets what may be asked for again. It is told so at once when it moves, when the server asks,
# and every now and then, which also asks the server whether it is still there. While nobody reads,
# for a pipeline that is held up, nothing is told; the server then waits for WAL_SENDER_TIMEOUT.

import struct
import time
from typing import Any

import attrs
import trio

from wallarood.connectors.postgres.changes.oids import SETTINGS
from wallarood.connectors.postgres.changes.pgoutput import EPOCH_US
from wallarood.connectors.postgres.changes.place import shown
from wallarood.connectors.postgres.server import Database, Session, psycopg
from wallarood.model.errors import PeersGoneError, WallaroodError

WAL_SENDER_TIMEOUT = "5min"
WAIT_S = 1.0
ASK_S = 10.0
"""After so long without a word the server is asked for one."""
ASKS = 1
SILENT_S = 60.0
"""After so long it is away: PostgreSQL's own subscribers wait as long."""

_data, _keepalive, _status = struct.Struct(">QQq"), struct.Struct(">QqB"), struct.Struct(">cQQQqB")


@attrs.define(eq=False)
class Stream:
    """An open slot. `heard` is how far the server has come with what it has told.

    `end` is where the log ended when it was opened.
    """

    database: Database
    session: Session
    heard: int
    end: int
    confirmed: int = 0
    _libpq: Any = attrs.field(default=None, init=False)
    _silent_s: float = attrs.field(default=0.0, init=False)
    """How long nothing has come while it was waited for."""
    _reply: bool = attrs.field(default=False, init=False)

    async def start(self, slot: str, publication: str) -> None:
        """Let the server send what follows `heard`. Raises as `Database.what`."""
        connection = await self.session.run(self._set)
        self._libpq = connection.pgconn
        self._libpq.nonblocking = 1
        names = '"' + publication.replace('"', '""').replace("'", "''") + '"'
        self._libpq.send_query(
            f'START_REPLICATION SLOT "{slot}" LOGICAL {shown(self.heard)} '
            f"(proto_version '1', publication_names '{names}')".encode()
        )
        try:
            with trio.move_on_after(SILENT_S) as scope:
                self._libpq.flush()
                while self._libpq.is_busy():
                    await trio.lowlevel.wait_readable(self._libpq.socket)
                    self._libpq.consume_input()
                result = self._libpq.get_result()
        except psycopg().Error as error:
            raise self.database.what(error) from error
        if scope.cancelled_caught:
            raise self._silent()
        if result.status != psycopg().pq.ExecStatus.COPY_BOTH:
            raise self._failed(result)
        self.tell(ASKS)

    def _set(self, connection: Any) -> Any:
        connection.execute(f"{SETTINGS}; SET wal_sender_timeout = '{WAL_SENDER_TIMEOUT}'")
        return connection

    def take(self) -> bytes | None:
        """The next of pgoutput's messages; None if none has come. Raises as `Database.what`."""
        fresh = False
        try:
            while True:
                size, message = self._libpq.get_copy_data(1)
                if size < 0:
                    raise self._failed(self._libpq.get_result())
                if size > 0:
                    if (payload := self._taken(bytes(message))) is not None:
                        return payload
                elif fresh:
                    break
                else:
                    self._libpq.consume_input()  # also what TLS has taken from the socket
                    fresh = True
        except psycopg().Error as error:
            raise self.database.what(error) from error
        if self._reply:
            self.tell()
        return None

    def _taken(self, data: bytes) -> bytes | None:
        self._silent_s = 0.0
        if data[:1] == b"w":
            return data[1 + _data.size :]
        if data[:1] == b"k":
            end, _, wants_reply = _keepalive.unpack_from(data, 1)
            self.heard = max(self.heard, end)
            self._reply = self._reply or bool(wants_reply)
        return None

    async def wait(self) -> None:
        """Until something comes, or for a second. Raises PeersGoneError: nothing has for long."""
        before = trio.current_time()
        with trio.move_on_after(WAIT_S) as scope:
            await trio.lowlevel.wait_readable(self._libpq.socket)
        if scope.cancelled_caught:
            self._silent_s += trio.current_time() - before
            if self._silent_s > SILENT_S:
                raise self._silent()
            if not self.is_whole or self._silent_s > ASK_S:
                self.tell(ASKS)

    @property
    def is_whole(self) -> bool:
        """Whether all has come that there was when it was started."""
        return self.heard >= self.end

    def _silent(self) -> PeersGoneError:
        return PeersGoneError(f"{self.database}: has said nothing for {SILENT_S:.0f} s")

    def _failed(self, result: Any) -> WallaroodError:
        client = psycopg()
        if result is None or result.status in (
            client.pq.ExecStatus.COMMAND_OK,
            client.pq.ExecStatus.COPY_IN,
        ):
            return PeersGoneError(f"{self.database}: has ended the replication")
        return self.database.what(client.errors.error_from_result(result, "utf-8"))

    def confirm(self, lsn: int) -> None:
        """All before *lsn* is never asked for again."""
        if lsn > self.confirmed:
            self.confirmed = lsn
            self.tell()

    def tell(self, asks: int = 0) -> None:
        """Tell what is confirmed; with `ASKS` the server is to answer."""
        self._reply = False
        now, done = time.time_ns() // 1000 - EPOCH_US, self.confirmed
        try:
            self._libpq.put_copy_data(_status.pack(b"r", self.heard, done, done, now, asks))
            self._libpq.flush()
        except psycopg().Error as error:
            raise self.database.what(error) from error

    async def aclose(self) -> None:
        """End the connection."""
        await self.session.drop()
