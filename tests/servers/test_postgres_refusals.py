"""What keeps changes of PostgreSQL from being read: one sentence that says what to do."""

import functools
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import trio
from servers.test_postgres_source import CONTEXT, next_of, opened
from support.harness import wait_for
from support.patience import patiently
from support.ports import free_port
from support.servers import postgres as postgreses
from support.servers.changes import NUMBERS, query, slot_of, until_unused, where
from support.servers.process import Server, serving
from support.servers.reading import read_until

import wallarood as w
from wallarood.model.errors import ConfigurationError


@pytest.fixture
def slot(postgres: Server) -> Iterator[str]:
    with slot_of(postgres, f"refused_{next(NUMBERS)}") as name:
        query(postgres, f"CREATE TABLE {name} (id int PRIMARY KEY, said text)")
        query(postgres, f"INSERT INTO {name} VALUES (1, 'one')")
        yield name


async def refused(source: w.PostgresSource, said: str) -> None:
    """The check and the worker say the same."""
    with patiently(60):
        with pytest.raises(w.WallaroodError, match=said) as checked:
            await source.check_connected()
        reader = await source.open(source.slot, None, CONTEXT)
        with pytest.raises(type(checked.value)) as worked:
            await reader.read()
        await reader.aclose()
    assert worked.value.message == checked.value.message
    assert str(source.database) in checked.value.message


async def read_on(reader: w.SourceReader[Any]) -> None:
    """Read until it stops."""
    with patiently(60):
        while True:
            await reader.read()


async def stops(source: w.PostgresSource, position: Any, said: str) -> str:
    """The worker does not go on from *position*."""
    reader = await opened(source, position)
    with pytest.raises(w.WallaroodError, match=said) as caught:
        await read_on(reader)
    await reader.aclose()
    assert str(source.database) in caught.value.message
    assert not isinstance(caught.value, w.ServerAwayError), caught.value.message
    return caught.value.message


async def read_to_the_end(source: w.PostgresSource) -> Any:
    """The position behind the row that is there, and behind one change."""
    reader = await opened(source)
    await next_of(reader)
    with psycopg.connect(source.database.conninfo, autocommit=True) as connection:
        table = source.tables[0]
        connection.execute(f"UPDATE {table} SET said = said || '.'")  # type: ignore[arg-type]
    batch = await next_of(reader)
    await reader.aclose()
    return batch.position


async def test_what_is_missing_is_said_by_the_check_and_by_the_worker(
    postgres: Server, slot: str
) -> None:
    source = functools.partial(w.PostgresSource, where(postgres), slot=slot)
    query(postgres, f"CREATE TABLE {slot}_bare (id int)")
    query(postgres, f"CREATE TABLE {slot}_full (id int)")
    query(postgres, f"ALTER TABLE {slot}_full REPLICA IDENTITY FULL")
    query(postgres, f"CREATE VIEW {slot}_view AS SELECT 1")
    query(postgres, f"CREATE PUBLICATION {slot}_some FOR TABLE {slot}_full")
    await refused(source("nowhere"), "has no table 'nowhere': create it")
    await refused(source(f"{slot}_bare"), "has no replica identity, .*: add a primary key")
    await refused(source(f"{slot}_full"), 'has no primary key, .* or say start="slot"')
    await refused(source(f"{slot}_view"), "is no table, but a view")
    await refused(source(publication="nothing"), "has no publication 'nothing': create it")
    said = f"publication '{slot}_some' does not have table 'public.{slot}', .*: ALTER PUBLICATION"
    await refused(source(slot, publication=f"{slot}_some"), said)
    query(postgres, f"DROP PUBLICATION {slot}_some")
    assert query(postgres, f"SELECT FROM pg_publication WHERE pubname = '{slot}'") == []


async def test_a_user_without_rights_is_told_which(postgres: Server, slot: str) -> None:
    for role in (f"{slot}_plain", f"{slot}_poor REPLICATION"):
        query(postgres, f"CREATE ROLE {role} LOGIN")
    query(postgres, "DROP ROLE IF EXISTS outsider")
    query(postgres, "CREATE ROLE outsider LOGIN REPLICATION")
    for user, said in (
        (f"{slot}_plain", "replication role .*: ALTER ROLE … REPLICATION"),
        ("outsider", "pg_hba.conf rejects .*: allow this host and user in pg_hba.conf"),
        (f"{slot}_poor", "may not be read: grant SELECT on it to the user"),
    ):
        await refused(w.PostgresSource(where(postgres, user), slot, slot=slot), said)
    query(postgres, f"GRANT SELECT ON {slot} TO {slot}_poor")
    reader = await opened(w.PostgresSource(where(postgres, f"{slot}_poor"), slot, slot=slot))
    with patiently(60), pytest.raises(ConfigurationError, match="let the owner of"):
        await reader.read()
    await reader.aclose()
    query(postgres, f"DROP OWNED BY {slot}_poor")
    query(postgres, f"DROP ROLE {slot}_poor, {slot}_plain, outsider")


async def test_a_server_without_logical_log_or_free_slots_says_so() -> None:
    few = postgreses.SETTINGS.replace("max_replication_slots = 8", "max_replication_slots = 1")
    plain = postgreses.SETTINGS.replace("wal_level = logical", "wal_level = replica")
    with serving(functools.partial(postgreses.server, settings=plain)) as server:
        query(server, "CREATE TABLE t (id int PRIMARY KEY)")
        await refused(w.PostgresSource(where(server), "t"), "has wal_level = replica: set")
    with serving(functools.partial(postgreses.server, settings=few)) as server:
        query(server, "CREATE TABLE t (id int PRIMARY KEY)")
        query(server, "SELECT pg_create_logical_replication_slot('other', 'test_decoding')")
        await refused(w.PostgresSource(where(server), "t"), "all 1 replication slots are in use")
        await refused(w.PostgresSource(where(server), "t", slot="other"), "of plugin test_decoding")


async def test_a_slot_that_was_dropped_or_has_gone_on_stops(postgres: Server, slot: str) -> None:
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    position = await read_to_the_end(source)
    query(postgres, f"INSERT INTO {slot} VALUES (2, 'two')")
    until_unused(postgres, slot)
    advance = "SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())"
    query(postgres, advance, (slot,))
    await stops(source, position, "has gone on to .*, and was read up to .*Form a new cluster")
    until_unused(postgres, slot)
    query(postgres, "SELECT pg_drop_replication_slot(%s)", (slot,))
    await stops(source, position, "has no replication slot .* any more: it was read up to")
    query(postgres, "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
    await stops(source, position, "has gone on to")


async def test_a_publication_that_was_dropped_stops(postgres: Server, slot: str) -> None:
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    position = await read_to_the_end(source)
    query(postgres, f"DROP PUBLICATION {slot}")
    await stops(source, position, f"has no publication '{slot}': create it")


async def test_another_server_or_history_stops(postgres: Server, slot: str) -> None:
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    position = await read_to_the_end(source)
    said = "is another server than before: its system identifier is"
    await stops(source, {**position, "system": "1"}, said)
    said = "is on timeline 1, which does not continue timeline 7"
    await stops(source, {**position, "timeline": 7}, said)
    said = "ends at .*, and was read up to FFFF/0: it has lost what was read"
    await stops(source, {**position, "lsn": "FFFF/0"}, said)


async def test_a_slot_that_somebody_else_reads_stops(postgres: Server, slot: str) -> None:
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    position = await read_to_the_end(source)
    reader = await opened(source, position)
    in_use = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"
    await read_until(reader, lambda: query(postgres, in_use) == [(True,)])
    other = w.SourceContext("in", "alpha", "other-2")
    second = await source.open(slot, position, other)
    said = "is in use by process .* 'wallarood test-1/in' at 127.0.0.1: end that"
    with patiently(60), pytest.raises(ConfigurationError, match=said):
        await second.read()
    await second.aclose()
    same = await opened(source, position)  # an earlier life of ours: its connection is ended
    query(postgres, f"INSERT INTO {slot} VALUES (2, 'two')")
    assert [each.key for each in (await next_of(same)).records] == [(2,)]
    await same.aclose()
    with pytest.raises(w.ServerAwayError):
        await read_on(reader)
    await reader.aclose()


async def test_a_slot_that_is_lost_stops(postgres: Server) -> None:
    small = f"{postgreses.SETTINGS}max_slot_wal_keep_size = 1MB\nmin_wal_size = 32MB\n"
    small += "max_wal_size = 32MB\n"
    with serving(functools.partial(postgreses.server, settings=small)) as server:
        query(server, "CREATE TABLE t (id int PRIMARY KEY, said text)")
        query(server, "INSERT INTO t VALUES (1, 'one')")
        source = w.PostgresSource(where(server), "t")
        position = await read_to_the_end(source)
        for _ in range(5):
            query(server, "SELECT pg_switch_wal()")
            query(server, "INSERT INTO t SELECT max(id) + 1 FROM t")
            query(server, "CHECKPOINT")
        said = "replication slot 'wallarood' is lost: .* Raise that, drop the slot"
        await stops(source, position, said)


async def test_a_server_that_accepts_and_does_not_answer_is_away() -> None:
    port = free_port()
    source = w.PostgresSource(f"postgresql://postgres@127.0.0.1:{port}/x?connect_timeout=2", "t")
    async with trio.open_nursery() as nursery:

        async def silent(_: trio.SocketStream) -> None:
            await trio.sleep_forever()

        await nursery.start(trio.serve_tcp, silent, port)
        reader = await opened(source)
        with patiently(30), pytest.raises(w.ServerAwayError, match=f"127.0.0.1:{port}"):
            await reader.read()
        await reader.aclose()
        nursery.cancel_scope.cancel()


async def test_a_slot_that_another_client_reads_is_found_by_the_check(
    postgres: Server, slot: str
) -> None:
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    position = await read_to_the_end(source)
    command = [postgreses.PROGRAMS / "pg_recvlogical", "-d", where(postgres), "-S", slot]
    command += ["--start", "-f", "-", "-o", "proto_version=1", "-o", f"publication_names={slot}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as other:  # noqa: ASYNC220
        active = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"
        wait_for("it reads", lambda: query(postgres, active) == [(True,)])
        said = "is in use by process .* 'pg_recvlogical'.*: end that, or say another slot="
        await refused(source, said)
        await stops(source, position, said)
        other.terminate()
