"""A source of the changes of tables of PostgreSQL, by logical replication."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import trio

from wallarood.app.connector import Scope, SourceContext
from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.catalog import CLIENT, Wanted
from wallarood.connectors.postgres.changes.place import Place
from wallarood.connectors.postgres.changes.reader import ChangeReader
from wallarood.connectors.postgres.server import Database
from wallarood.model.errors import ApplicationError

Start = Literal["snapshot", "slot"]

SLOT = re.compile(r"[a-z0-9_]{1,63}")
CLIENT_BYTES_MAX = 63
"""The server cuts longer names of clients, and changes what is not ASCII."""


@attrs.frozen(init=False)
class PostgresSource:
    """The changes of tables of PostgreSQL: first their rows as they are, then what becomes of them.

    *conninfo* and *password_file* are those of `PostgresSink`. *tables* are names, or
    ``schema.name``; without any, all of *publication*. Records are `PostgresChange`, in the order
    in which transactions were committed, and one worker reads them all. Needs ``pip install
    'wallarood[postgres]'``, a server of version 13 or newer with ``wal_level = logical``, a user
    with REPLICATION that may SELECT from the tables, and tables with a primary key.

    *slot* is the replication slot, which no other source may use, and *publication* (default: the
    same name) says which tables are replicated; both are made where they are missing, for which the
    user must own the tables. **The server keeps its log for a slot until it is read**: drop it when
    the application is no longer used (``SELECT pg_drop_replication_slot('wallarood')``), and limit
    that by ``max_slot_wal_keep_size``.

    With `start` "snapshot" (default) a new cluster first reads the rows that are there, as of one
    moment, and then all that was committed after it; with "slot" only what follows the place where
    the slot stands. ``time=w.event_time()`` stamps records by the time of the commit.

    Guarantee: exactly once, also if the first reading is interrupted. Positions are in the
    checkpoint; the slot goes on only behind a committed one. If the slot was dropped, has gone on,
    or is lost, or the server is another one or has lost what was read, the source stops and says
    so.

    >>> import wallarood as w
    >>> orders = w.source("orders", w.PostgresSource("postgresql://app@localhost/shop", "orders"))
    """

    database: Database
    tables: tuple[str, ...]
    slot: str
    publication: str
    start: Start
    scope: Scope = Scope.SHARED
    record: Any = PostgresChange
    bounded: bool = False
    stamped: bool = True

    def __init__(
        self,
        conninfo: str,
        *tables: str,
        slot: str = "wallarood",
        publication: str | None = None,
        start: Start = "snapshot",
        password_file: str | None = None,
    ) -> None:
        database = Database(conninfo, password_file)
        database.check("PostgresSource")
        if not all(isinstance(each, str) and all(each.split(".")) for each in tables):
            raise ApplicationError(f"PostgresSource: tables={tables!r}: expected names")
        if not tables and publication is None:
            raise ApplicationError("PostgresSource: expected at least one table, or publication=")
        if not isinstance(slot, str) or not SLOT.fullmatch(slot):
            raise ApplicationError(
                f"PostgresSource: slot={slot!r}: expected up to 63 of a-z, 0-9 and _"
            )
        if start not in ("snapshot", "slot"):
            raise ApplicationError(
                f"PostgresSource: start={start!r}: expected 'snapshot' or 'slot'"
            )
        self.__attrs_init__(database, tables, slot, publication or slot, start)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the slot."""
        return (self.slot,)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    def _wanted(self, client: str) -> Wanted:
        first = self.start == "snapshot"
        return Wanted(self.database, self.tables, self.slot, self.publication, first, client)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server, a table or the slot cannot be used. Changes nothing.

        A slot that another cluster of wallarood uses is found by the worker only.
        """
        wanted = self._wanted("")
        session = wanted.replication()
        try:
            await session.run(wanted.check)
        finally:
            with trio.CancelScope(shield=True):
                await session.drop()

    async def open(self, partition: str, position: Any, context: SourceContext) -> ChangeReader:  # noqa: ARG002
        """See `Source.open`. A position is a place in the log; see `Place`."""
        place = None if position is None else Place.of(position)
        return ChangeReader(self._wanted(client_of(context)), place, context.limits)


def client_of(context: SourceContext) -> str:
    """What a reader is called at the server, which keeps it as it is."""
    called = f"{CLIENT} {context.cluster_id}/{context.step}"
    return re.sub(r"[^ -~]", "_", called)[:CLIENT_BYTES_MAX]
