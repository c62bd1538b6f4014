"""A table of PostgreSQL that changes, and what a source of its changes must tell."""

import contextlib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import psycopg
from psycopg.rows import TupleRow

from support.harness import wait_for
from support.servers.process import Server

NUMBERS = itertools.count()
Event = tuple[str, int]
"""What has become of a row, and its version: "insert", "update", "delete" or "read"."""


def where(server: Server, user: str = "postgres") -> str:
    """A URL."""
    return f"postgresql://{user}@{server.address}/postgres"


def query(server: Server, text: str, parameters: Sequence[Any] = ()) -> list[TupleRow]:
    """What a statement returns, if anything."""
    with psycopg.connect(where(server), autocommit=True) as connection:
        cursor = connection.execute(text, parameters or None)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


def until_unused(server: Server, slot: str) -> None:
    """Wait until nobody uses a slot: the server notices some time later that a reader has gone."""
    used = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"
    wait_for(f"slot {slot} is free", lambda: query(server, used) != [(True,)])


@contextlib.contextmanager
def slot_of(server: Server, name: str) -> Iterator[str]:
    """The name of a slot, which is removed at the end, with its publication."""
    try:
        yield name
    finally:
        ends = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
        drops = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
        for attempt in itertools.count():
            try:
                query(server, f"{ends} WHERE slot_name = '{name}' AND active_pid IS NOT NULL")
                query(server, f"{drops} WHERE slot_name = '{name}'")
                break
            except psycopg.errors.ObjectInUse:
                assert attempt < 100
        query(server, f"DROP PUBLICATION IF EXISTS {name}")


@attrs.define(eq=False)
class Accounts:
    """A table of accounts, each with a version that grows with every change of it.

    `log` has by account what was committed, in order. A commit whose answer was lost is looked up.
    """

    server: Server
    table: str
    rng: random.Random
    log: dict[int, list[Event]] = attrs.field(factory=lambda: defaultdict(list))
    transactions: int = 0
    _connection: Any = None

    @classmethod
    def made(
        cls, server: Server, table: str, *, rows: int, seed: int = 1, key: str = "id"
    ) -> "Accounts":
        """A table with so many accounts. *key* may have the column `part`, the same in all rows."""
        columns = f"id int, version int, said text, part text DEFAULT 'x', PRIMARY KEY ({key})"
        query(server, f"CREATE TABLE {table} ({columns})")
        query(server, f"CREATE TABLE {table}_done (last int)")
        query(server, f"INSERT INTO {table}_done VALUES (0)")
        fill = f"INSERT INTO {table} SELECT n, 1, 'row ' || n FROM generate_series(1, {rows}) n"
        query(server, fill)
        accounts = cls(server, table, random.Random(seed))
        for number in range(1, rows + 1):
            accounts.log[number].append(("insert", 1))
        return accounts

    def change(self, changes: int) -> None:
        """Commit a transaction of some changes, whatever happens to the server."""
        done = self._drawn(changes)
        self.transactions += 1
        while True:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(where(self.server), connect_timeout=5)
                if not self._is_done():
                    self._apply(done)
                break
            except psycopg.OperationalError:
                self._connection = None
        for number, event in done:
            self.log[number].append(event)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()

    def _is_done(self) -> bool:
        with self._connection.transaction():
            row = self._connection.execute(f"SELECT last FROM {self.table}_done").fetchone()
        return bool(row[0] >= self.transactions)

    def _drawn(self, changes: int) -> list[tuple[int, Event]]:
        """Changes that fit to what there is."""
        drawn: list[tuple[int, Event]] = []
        last = {number: events[-1] for number, events in self.log.items()}
        for _ in range(changes):
            number = self.rng.randrange(1, len(last) + 10)
            operation, version = last.get(number, ("delete", 0))
            if operation == "delete":
                event: Event = ("insert", version + 1)
            else:
                event = (self.rng.choice(["update", "update", "delete"]), version + 1)
            if event[0] == "delete":
                event = ("delete", version)
            last[number] = event
            drawn.append((number, event))
        return drawn

    def _apply(self, done: Sequence[tuple[int, Event]]) -> None:
        table = self.table
        statements = {
            "insert": f"INSERT INTO {table} (version, said, id) VALUES (%s, 'again', %s)",
            "update": f"UPDATE {table} SET version = %s WHERE id = %s",
            "delete": f"DELETE FROM {table} WHERE version = %s AND id = %s",
        }
        with self._connection.transaction(), self._connection.pipeline():
            for number, (operation, version) in done:
                self._connection.execute(statements[operation], (version, number))
            self._connection.execute(f"UPDATE {table}_done SET last = %s", (self.transactions,))

    def wrong(self, told: dict[int, list[Event]]) -> list[tuple[int, list[Event], list[Event]]]:
        """The accounts of which something else was told than each change once, in order."""
        return [
            (number, told.get(number, []), events)
            for number, events in self.log.items()
            if not _fits(told.get(number, []), events)
        ] + [(number, events, []) for number, events in told.items() if number not in self.log]


def _fits(told: list[Event], log: list[Event]) -> bool:
    """Whether *told* is the row as it was at some time, and all that came after."""
    if told and told[0][0] == "read":
        behind = len(told) - 1
        before = log[: len(log) - behind]
        is_there = bool(before) and before[-1][0] != "delete" and before[-1][1] == told[0][1]
        return is_there and told[1:] == log[len(before) :]
    before = log[: len(log) - len(told)]
    was_there = bool(before) and before[-1][0] != "delete"
    return told == log[len(before) :] and not was_there
