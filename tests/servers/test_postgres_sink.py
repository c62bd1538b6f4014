"""The PostgreSQL sink against a real server."""

import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trio
from support.patience import patiently
from support.ports import free_port
from support.servers.changes import NUMBERS, query, where
from support.servers.counting import check_last, count_into
from support.servers.process import Server

import wallarood as w
from wallarood.connectors.postgres.server import Database, Session
from wallarood.connectors.postgres.target import TableTarget
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError, PeersGoneError


@pytest.fixture
def table(postgres: Server) -> str:
    name = f"out_{next(NUMBERS)}"
    query(postgres, f"CREATE TABLE {name} (at bigserial, rest int, count int)")
    return name


def target_of(sink: w.PostgresSink, writer: str) -> TableTarget:
    target = sink._spooled().connect(writer)
    assert isinstance(target, TableTarget)
    return target


@pytest.mark.long
def test_counts_are_in_the_table_once_in_order(
    postgres: Server, table: str, tmp_path: Path
) -> None:
    sink = f'w.PostgresSink("{where(postgres)}", "{table}", columns=["rest", "count"])'
    rows = f"SELECT rest, count FROM {table} ORDER BY at"
    count_into(sink, lambda: query(postgres, rows), directory=tmp_path, server=postgres)


def test_the_last_count_of_each_key_is_in_the_table(
    postgres: Server, table: str, tmp_path: Path
) -> None:
    query(postgres, f"CREATE UNIQUE INDEX ON {table} (rest)")
    sink = (
        f'w.PostgresSink("{where(postgres)}", "{table}", columns=["rest", "count"], key=["rest"])'
    )
    count_into(
        sink,
        lambda: query(postgres, f"SELECT rest, count FROM {table}"),
        directory=tmp_path,
        server=postgres,
        kills=3,
        server_kills=1,
        check=check_last,
    )


async def test_an_earlier_process_gets_nothing_in(postgres: Server, table: str) -> None:
    sink = w.PostgresSink(where(postgres), table, columns=["rest", "count"])
    zombie, heir = target_of(sink, table), target_of(sink, table)
    with patiently(60):
        assert await zombie.marker() == Marker()
        assert await heir.marker() == Marker()
        await heir.apply([(1, 1)], Marker(), Marker(0, 1))
        with pytest.raises(MarkerMovedError):
            await zombie.apply([(1, 2)], Marker(), Marker(0, 1))
        await heir.apply([(1, 3)], Marker(0, 1), Marker(0, 2))
        assert await zombie.marker() == Marker(0, 2)
        await zombie.aclose()
        await heir.aclose()
    assert query(postgres, f"SELECT rest, count FROM {table} ORDER BY at") == [(1, 1), (1, 3)]


async def test_the_marker_waits_for_what_an_earlier_process_has_under_way(
    postgres: Server, table: str
) -> None:
    sink = w.PostgresSink(where(postgres), table, columns=["rest", "count"])
    target = target_of(sink, table)
    with patiently(60):
        assert await target.marker() == Marker()
        found: list[Marker] = []

        async def find() -> None:
            found.append(await target.marker())

        with psycopg.connect(where(postgres)) as earlier:
            earlier.execute("UPDATE wallarood_markers SET last = 5 WHERE writer = %s", (table,))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(find)
                await trio.sleep(1)
                assert found == []
                earlier.commit()
        await target.aclose()
    assert found == [Marker(0, 5)]


async def test_what_is_wrong_is_said_with_the_server(
    postgres: Server, table: str, tmp_path: Path
) -> None:
    query(postgres, "CREATE ROLE guarded LOGIN PASSWORD 'open sesame'")
    query(postgres, "CREATE ROLE poor LOGIN")
    secret = tmp_path / "password"
    secret.write_text("open barley\n")
    port, both = free_port(), ["rest", "count"]
    with patiently(60):
        for sink, said in (
            (w.PostgresSink(where(postgres), "no", columns=both), "has no table 'no': create it"),
            (
                w.PostgresSink(where(postgres), table, columns=["rest", "sum"]),
                f"table '{table}' has no column 'sum', but at, rest, count",
            ),
            (
                w.PostgresSink(where(postgres), table, columns=both, key=["rest"]),
                r"has no unique index on \(rest\)",
            ),
            (
                w.PostgresSink(
                    where(postgres, "guarded"), table, columns=both, password_file=str(secret)
                ),
                "password authentication failed .*: check user and password",
            ),
            (
                w.PostgresSink(f"{where(postgres)}-gone", table, columns=both),
                'database "postgres-gone" does not exist',
            ),
        ):
            with pytest.raises(ConfigurationError, match=said) as caught:
                await sink.check_connected()
            assert caught.value.message.startswith(f"PostgreSQL at {postgres.address}/postgres")
            assert "barley" not in caught.value.message
            with pytest.raises(ConfigurationError, match=said):
                await target_of(sink, "w").marker()
        secret.write_text("open sesame\n")
        rich = target_of(w.PostgresSink(where(postgres), table, columns=both), "w")
        await rich.marker()
        await rich.aclose()
        query(postgres, f"GRANT ALL ON {table} TO guarded")
        guarded = w.PostgresSink(
            where(postgres, "guarded"), table, columns=both, password_file=str(secret)
        )
        with pytest.raises(ConfigurationError, match="for table 'wallarood_markers', which needs"):
            await guarded.check_connected()
        query(postgres, "GRANT ALL ON wallarood_markers TO guarded")
        assert await guarded.check_connected() is None
        poor = target_of(w.PostgresSink(where(postgres, "poor"), table, columns=both), "poor")
        with pytest.raises(ConfigurationError, match=r"permission denied .*: grant it"):
            await poor.marker()
        nowhere = w.PostgresSink(f"postgresql://me:geheim@127.0.0.1:{port}/x", "t", columns=both)
        with pytest.raises(w.WallaroodError, match=f"at 127.0.0.1:{port}/x: .*refused") as caught_:
            await nowhere.check_connected()
        assert "geheim" not in caught_.value.message + repr(nowhere)


async def test_a_row_that_the_table_refuses_is_named(postgres: Server, table: str) -> None:
    target = target_of(w.PostgresSink(where(postgres), table, columns=["rest", "count"]), table)
    with patiently(60):
        await target.marker()
        with pytest.raises(w.WallaroodError, match=r"invalid input syntax .*line 2, column count"):
            await target.apply([(1, 1), (1, "many")], Marker(), Marker(0, 2))
        await target.marker()
        await target.apply([(1, 1)], Marker(), Marker(0, 1))
        await target.aclose()
    assert query(postgres, f"SELECT count FROM {table}") == [(1,)]


async def test_the_last_row_of_a_key_counts_as_the_table_compares_keys(postgres: Server) -> None:
    """Two texts may be one UUID, and 1, 1.0 and True are three texts."""
    query(postgres, "CREATE TABLE by_id (id uuid PRIMARY KEY, count int)")
    query(postgres, "CREATE TABLE by_text (id text PRIMARY KEY, count int)")
    name = "{}bcdef00-0000-4000-8000-000000000000"
    for table, rows, due in (
        (
            "by_id",
            [(name.format("a"), 1), (name.format("A"), 2), (name.format("a"), 3)],
            [(name.format("a"), 3)],
        ),
        ("by_text", [(1, 1), (1.0, 2), (True, 3), (1, 4)], [("1", 4), ("1.0", 2), ("t", 3)]),
    ):
        sink = w.PostgresSink(where(postgres), table, columns=["id", "count"], key=["id"])
        target = target_of(sink, table)
        with patiently(60):
            await target.marker()
            await target.apply(target.encode(rows), Marker(), Marker(0, 3))
            await target.apply(target.encode(rows), Marker(0, 3), Marker(0, 6))
            await target.aclose()
        assert query(postgres, f"SELECT id::text, count FROM {table} ORDER BY id") == due


async def test_a_server_that_does_not_answer_is_left_and_so_is_the_thread_that_waits(
    postgres: Server,
) -> None:
    session, ended = Session(Database(where(postgres))), threading.Event()

    def call(connection: Any) -> None:
        try:
            connection.execute("SELECT pg_sleep(60)")
        finally:
            ended.set()

    with patiently(30), pytest.raises(PeersGoneError, match="has not answered for 1 s"):
        await session.run(call, within_s=1)
    assert await trio.to_thread.run_sync(ended.wait, 10)


async def test_a_server_that_only_accepts_is_left() -> None:
    port = free_port()
    sink = w.PostgresSink(
        f"postgresql://postgres@127.0.0.1:{port}/x?connect_timeout=2", "t", columns=["a"]
    )

    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_tcp, silent, port)
        with patiently(30), pytest.raises(PeersGoneError, match=f"127.0.0.1:{port}"):
            await sink.check_connected()
        nursery.cancel_scope.cancel()
