"""What a server says of its tables, publications and slots, and what is wrong with them."""

import time
from collections.abc import Sequence
from typing import Any

import attrs

from wallarood.connectors.postgres.changes.place import Place, lsn_of, shown
from wallarood.connectors.postgres.changes.shapes import quoted, quoted_part
from wallarood.connectors.postgres.server import Database, Session, psycopg
from wallarood.model.errors import ConfigurationError, PositionGoneError, ServerAwayError

CLIENT = "wallarood"
PLUGIN = "pgoutput"
EARLIER_S, ENDED_S, LOOK_S = 1.0, 5.0, 0.02
"""How long an earlier connection has to end by itself, and when it was told to."""
OLDEST = 13
"""The version of the oldest server that can be used."""

_TABLE = """
SELECT n.nspname || '.' || c.relname, c.relkind::text, c.relreplident::text,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
    has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""
_BY_PARTITIONS = """
SELECT FROM pg_publication p, pg_class c
WHERE p.pubname = %s AND c.oid = to_regclass(%s) AND c.relkind = 'p' AND NOT p.pubviaroot
"""
_SLOT = """
SELECT s.plugin::text, s.database::text, s.database = current_database(),
    s.confirmed_flush_lsn::text, s.wal_status, s.active_pid, a.application_name, host(a.client_addr)
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = %s
"""


@attrs.frozen
class Wanted:
    """The changes of *tables* that come by *publication* and *slot*.

    *client* is what we call ourselves; without it, anybody who is called alike may use the slot.
    """

    database: Database
    tables: tuple[str, ...]
    slot: str
    publication: str
    is_read_first: bool
    client: str = ""

    def replication(self) -> Session:
        """A connection that may replicate; it takes no parameters apart from statements."""
        options = {
            "replication": "database",
            "application_name": self.client or CLIENT,
            "cursor_factory": psycopg().ClientCursor,
            "prepare_threshold": None,
        }
        return Session(self.database, options)

    def check(self, connection: Any) -> None:
        """Whether it can be read from the beginning. Changes nothing.

        Raises ConfigurationError: it cannot, and what to do.
        """
        self._check_server(connection)
        listed = self.listed(connection)
        tables = self._checked_tables(connection, self.tables or listed)
        if listed is not None:
            self._check_listed(connection, tables, listed)
        if (slot := self._slot(connection)) is not None:
            self._check_slot(slot)
        else:
            self._check_free(connection)

    def prepared(self, connection: Any) -> tuple[str, ...]:
        """Make publication and slot where they are missing; returns the tables.

        Raises ConfigurationError: they cannot be used.
        """
        self.check(connection)
        listed = self.listed(connection)
        tables = self._checked_tables(connection, self.tables or listed)
        try:
            if listed is None:
                self._publish(connection, tables)
            if self._slot(connection) is None:
                connection.execute(
                    "SELECT pg_create_logical_replication_slot(%s, %s)", (self.slot, PLUGIN)
                )
        except psycopg().errors.DuplicateObject:
            raise ServerAwayError(
                f"{self.database}: replication slot {self.slot!r} or publication "
                f"{self.publication!r} is being made by an earlier attempt"
            ) from None
        return tables

    def _publish(self, connection: Any, tables: Sequence[str]) -> None:
        statement = (
            f"CREATE PUBLICATION {quoted_part(self.publication)} "
            f"FOR TABLE {', '.join(map(quoted, tables))} WITH (publish_via_partition_root = true)"
        )
        try:
            connection.execute(statement)
        except psycopg().errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"{self.database}: the user may not create the publication: {error}: let the owner "
                f"of the tables do it: {statement}"
            ) from error

    def listed(self, connection: Any) -> tuple[str, ...] | None:
        """The tables of the publication; None if there is no such."""
        there = connection.execute(
            "SELECT FROM pg_publication WHERE pubname = %s", (self.publication,)
        )
        if there.fetchone() is None:
            return None
        rows = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_publication_tables "
            "WHERE pubname = %s ORDER BY 1",
            (self.publication,),
        )
        return tuple(name for (name,) in rows)

    def begin(self, connection: Any) -> int:
        """Where the slot stands, for a source that has no position."""
        slot = self._slot(connection)
        assert slot is not None
        if slot[3] is None:
            raise ServerAwayError(
                f"{self.database}: replication slot {self.slot!r} is still being made, which waits "
                "for transactions that are open"
            )
        return lsn_of(slot[3])

    def check_at(self, connection: Any, place: Place) -> None:
        """Whether the server still has all that follows *place*.

        Raises PositionGoneError or ApplicationError: it has not. Raises ConfigurationError:
        somebody else reads from the slot. Raises ServerAwayError: an earlier life of ours does.
        """
        self._check_server(connection)
        slot = self._slot(connection)
        if slot is None:
            raise PositionGoneError(
                f"{self.database} has no replication slot {self.slot!r} any more: it was read up "
                f"to {shown(place.lsn)}, and what came behind that may be gone. Form a new cluster "
                "to read the tables again from their beginning"
            )
        self._check_slot(slot)
        if lsn_of(slot[3]) > place.lsn:
            raise PositionGoneError(
                f"{self.database}: replication slot {self.slot!r} has gone on to {slot[3]}, and "
                f"was read up to {shown(place.lsn)}: somebody else has read from it or advanced "
                "it, or it was made anew. Nothing was skipped. Form a new cluster to read the "
                "tables again from their beginning"
            )
        listed = self.listed(connection)
        if listed is None:
            raise ConfigurationError(
                f"{self.database} has no publication {self.publication!r}: create it with the "
                "tables that it had"
            )
        self._check_listed(connection, self._checked_tables(connection, self.tables), listed)

    def _check_server(self, connection: Any) -> None:
        version = connection.info.server_version // 10_000
        if version < OLDEST:
            raise ConfigurationError(
                f"{self.database} is of version {version}: expected {OLDEST} or newer"
            )
        (level,) = connection.execute("SHOW wal_level").fetchone()
        if level != "logical":
            raise ConfigurationError(
                f"{self.database} has wal_level = {level}: set wal_level = logical in "
                "postgresql.conf, and restart it"
            )

    def _checked_tables(self, connection: Any, tables: Sequence[str] | None) -> tuple[str, ...]:
        """The whole names of *tables*. Raises ConfigurationError: one cannot be read."""
        if tables is None:
            raise ConfigurationError(
                f"{self.database} has no publication {self.publication!r}: create it, or name "
                "tables"
            )
        return tuple(self._checked(connection, table) for table in tables)

    def _checked(self, connection: Any, table: str) -> str:
        found = connection.execute(_TABLE, (quoted(table),)).fetchone()
        if found is None:
            raise ConfigurationError(f"{self.database} has no table {table!r}: create it")
        name, kind, identity, has_primary_key, may_read = found
        where = f"{self.database}: table {name!r}"
        if kind not in ("r", "p"):
            raise ConfigurationError(f"{where} is no table, but a view or the like: name a table")
        if identity == "n" or (identity == "d" and not has_primary_key):
            raise ConfigurationError(
                f"{where} has no replica identity, so that changes of its rows cannot be told: add "
                "a primary key, or ALTER TABLE … REPLICA IDENTITY FULL"
            )
        if self.is_read_first and identity == "f" and not has_primary_key:
            raise ConfigurationError(
                f"{where} has no primary key, by which its rows could be read in parts: add one, "
                'or say start="slot"'
            )
        if not may_read:
            raise ConfigurationError(f"{where} may not be read: grant SELECT on it to the user")
        return str(name)

    def _check_listed(self, connection: Any, tables: Sequence[str], listed: Sequence[str]) -> None:
        for table in tables:
            if table not in listed:
                asked = (self.publication, quoted(table))
                if connection.execute(_BY_PARTITIONS, asked).fetchone() is not None:
                    raise ConfigurationError(
                        f"{self.database}: publication {self.publication!r} has the partitions of "
                        f"{table!r} one by one: ALTER PUBLICATION {self.publication} SET "
                        "(publish_via_partition_root = true)"
                    )
                raise ConfigurationError(
                    f"{self.database}: publication {self.publication!r} does not have table "
                    f"{table!r}, but {', '.join(listed) or 'none'}: ALTER PUBLICATION "
                    f"{self.publication} ADD TABLE {table}"
                )

    def _slot(self, connection: Any) -> Any:
        return connection.execute(_SLOT, (self.slot,)).fetchone()

    def _check_slot(self, slot: Any) -> None:
        plugin, database, is_here, _, status, pid, client, host = slot
        where = f"{self.database}: replication slot {self.slot!r}"
        if plugin != PLUGIN:
            raise ConfigurationError(
                f"{where} is {'of plugin ' + plugin if plugin else 'physical'}, expected {PLUGIN}: "
                "drop it, or say another slot="
            )
        if not is_here:
            raise ConfigurationError(f"{where} is of database {database!r}: say another slot=")
        if status == "lost":
            raise PositionGoneError(
                f"{where} is lost: the server has removed the log behind it, which was more than "
                f"max_slot_wal_keep_size. Nothing was skipped. Raise that, drop the slot (SELECT "
                f"pg_drop_replication_slot('{self.slot}')), and form a new cluster to read the "
                "tables again from their beginning"
            )
        ours = client == self.client if self.client else (client or "").startswith(CLIENT)
        if pid is not None and not ours:
            raise ConfigurationError(
                f"{where} is in use by process {pid} of the server for "
                f"{client or 'another client'!r}{f' at {host}' if host else ''}: end that, or say "
                "another slot="
            )

    def _check_free(self, connection: Any) -> None:
        used, most = connection.execute(
            "SELECT (SELECT count(*) FROM pg_replication_slots), "
            "current_setting('max_replication_slots')::int"
        ).fetchone()
        if used >= most:
            raise ConfigurationError(
                f"{self.database}: all {most} replication slots are in use: drop one that is not "
                "needed, or raise max_replication_slots"
            )

    def whole_names(self, connection: Any) -> tuple[str, ...]:
        """The tables with their schemas."""
        return self._checked_tables(connection, self.tables)

    def end_earlier(self, connection: Any) -> None:
        """End a connection of an earlier life of ours that still has the slot. Blocks.

        Raises ServerAwayError: it has not ended yet.
        """
        if self._is_free_within(connection, EARLIER_S):
            return
        pid = self._slot(connection)[5]
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        if not self._is_free_within(connection, ENDED_S):
            raise ServerAwayError(
                f"{self.database}: replication slot {self.slot!r} is still in use by process {pid} "
                "of the server, for an earlier connection of this source"
            )

    def _is_free_within(self, connection: Any, wait_s: float) -> bool:
        until = time.monotonic() + wait_s
        while True:
            slot = self._slot(connection)
            if slot is None or slot[5] is None:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
