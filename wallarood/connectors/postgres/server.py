"""A PostgreSQL server: how it is reached and called, and what its errors mean."""
# Theory of operation
# ===================
# psycopg blocks, so a connection is used in threads, by one at a time. Whoever waits for such a
# thread may be cancelled, and nothing can end the thread: then the session is *dropped*, and the
# thread closes the connection when it comes back from the server.

import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import trio

from wallarood.connectors.extra import imported
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, PeersGoneError

T = TypeVar("T")

OPTIONS = {
    "application_name": "wallarood",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Of our end, where the conninfo says nothing else: a server that is gone without a word is noticed
within half a minute."""
SESSION = (
    "SET SESSION tcp_keepalives_idle = 10; SET SESSION tcp_keepalives_interval = 5; "
    "SET SESSION tcp_keepalives_count = 3; "
    "SET SESSION idle_in_transaction_session_timeout = '60s'; "
    "SET SESSION synchronous_commit = on; SET SESSION lock_timeout = '20s'"
)
"""Of the server's end: a client that is gone without a word holds no lock for longer."""
ANSWER_S = 120.0
"""How long a call of a server may take. A transaction that waits for a lock ends earlier."""
REFUSALS = (
    ("password authentication failed", "check user and password"),
    ("no password supplied", "say password_file="),
    ("pg_hba.conf", "allow this host and user in pg_hba.conf"),
    ("certificate", "check sslrootcert, sslcert and their dates"),
    ("replication role", "ALTER ROLE … REPLICATION lets the user replicate"),
    ("permission denied to start WAL sender", "ALTER ROLE … REPLICATION lets the user replicate"),
    ("does not exist", "create it, or correct its name"),
    ("could not translate host name", "correct the name of the host"),
)
"""What a server says when it does not let us in, which time does not mend, and what to do."""


def psycopg() -> Any:
    """The module psycopg. Raises ApplicationError: it is not installed."""
    return imported("psycopg", extra="postgres", owner="PostgreSQL")


@attrs.frozen
class Database:
    """A database by *conninfo*, a URL or ``key=value …`` as libpq takes it."""

    conninfo: str = attrs.field(repr=False)
    password_file: str | None = None
    name: str = attrs.field(init=False)

    @name.default
    def _shown(self) -> str:
        """Host, port and database, without user and password."""
        if self.conninfo.startswith(("postgresql://", "postgres://")):
            # Also where a password has characters that would have to be written as %2F or the like.
            place, _, query = self.conninfo.partition("://")[2].partition("?")
            return "a URL" if "@" in query and "@" not in place else place.rpartition("@")[2]
        pairs = dict(each.split("=", 1) for each in self.conninfo.split() if "=" in each)
        host, port = pairs.get("host", "localhost"), pairs.get("port", "5432")
        return f"{host}:{port}/{pairs.get('dbname', '')}"

    def __str__(self) -> str:
        return f"PostgreSQL at {self.name}"

    def check(self, owner: str) -> None:
        """Raises ApplicationError: it is no conninfo."""
        if not isinstance(self.conninfo, str) or not self.conninfo.strip():
            raise ApplicationError(
                f'{owner}: expected "postgresql://USER@HOST/DATABASE", found {self.conninfo!r:.40}'
            )

    def connected(self, **more: Any) -> Any:
        """A connection, with *more* options. Blocks. Raises as `what` says."""
        client = psycopg()
        try:
            given = client.conninfo.conninfo_to_dict(self.conninfo)
            options: dict[str, Any] = {k: v for k, v in OPTIONS.items() if k not in given} | more
            if self.password_file is not None:
                options["password"] = secret_of(self.password_file, str(self))
            connection = client.connect(self.conninfo, autocommit=True, **options)
        except client.ProgrammingError as error:
            raise ConfigurationError(f"{self}: {_line(error)}") from None
        except client.Error as error:
            raise self.what(error) from error
        try:
            connection.execute(SESSION)
        except client.Error as error:
            connection.close()
            raise self.what(error) from error
        return connection

    def what(self, error: Any) -> ConfigurationError | PeersGoneError:
        """The error for a person."""
        said = _line(error)
        for words, advice in REFUSALS:
            if words in said:
                return ConfigurationError(f"{self}: {said}: {advice}")
        if error.sqlstate == "55P03":  # lock_not_available
            return PeersGoneError(
                f"{self}: waits for a transaction that an earlier process of this writer has open"
            )
        if error.sqlstate == "42501":  # insufficient_privilege
            return ConfigurationError(f"{self}: {said}: grant it to the user")
        context = getattr(error.diag, "context", None)
        return PeersGoneError(
            f"{self}: {said}" + (f" ({context.splitlines()[0]})" if context else "")
        )


def _line(error: BaseException) -> str:
    """The first line that says something, of a message that may have several."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@attrs.define(eq=False)
class Session:
    """A connection that one thread at a time uses; None before it is made."""

    database: Database
    options: Mapping[str, Any] = attrs.field(factory=dict)
    _connection: Any = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _dropped: bool = attrs.field(default=False, init=False)

    async def run(self, call: Callable[[Any], T], *, within_s: float = ANSWER_S) -> T:
        """What *call* returns for the connection. Raises as `Database.what` says.

        Raises PeersGoneError also if that takes longer than *within_s*; the session is dropped.
        """
        with trio.move_on_after(within_s):
            return await trio.to_thread.run_sync(self._run, call, abandon_on_cancel=True)
        await self.drop()
        raise PeersGoneError(f"{self.database}: has not answered for {within_s:.0f} s")

    def _run(self, call: Callable[[Any], T]) -> T:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self.database.connected(**self.options)
                try:
                    return call(self._connection)
                except psycopg().Error as error:
                    raise self.database.what(error) from error
        finally:
            self._close_if_dropped()

    async def drop(self) -> None:
        """Close it, at once or when the thread that uses it comes back."""
        self._dropped = True
        await trio.to_thread.run_sync(self._close_if_dropped)
        if self._connection is not None:
            self._hang_up(self._connection)

    def leave(self) -> None:
        """Close it if no thread uses it, without waiting: what is open in it ends."""
        self._dropped = True
        self._close_if_dropped()

    def _hang_up(self, connection: Any) -> None:
        """Let the thread that waits for the server find that the connection is closed."""
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg().Error):
            pass  # it is closed by now

    def _close_if_dropped(self) -> None:
        if self._dropped and self._lock.acquire(blocking=False):
            connection, self._connection = self._connection, None
            self._lock.release()
            if connection is not None:
                connection.close()
