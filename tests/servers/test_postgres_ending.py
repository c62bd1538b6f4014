"""A PostgreSQL that ends in an orderly way, or whose transactions do not end."""

import os
import signal
import time
from typing import Any

import psycopg
import pytest
import trio
from servers.test_postgres_source import CONTEXT, next_of, opened
from support.patience import in_time
from support.servers import postgres as postgreses
from support.servers.changes import query, slot_of, where
from support.servers.process import Server, serving

import wallarood as w


async def read_and_commit(reader: w.SourceReader[Any]) -> None:
    """As a cluster does: what was read is committed soon after."""
    while True:
        batch = await reader.read()
        assert batch is not None
        await trio.sleep(0.5)
        await reader.committed(batch.position)


async def test_a_server_that_is_shut_down_waits_only_for_what_is_to_be_committed() -> None:
    with serving(postgreses.server) as server:
        query(server, "CREATE TABLE t (id int PRIMARY KEY)")
        reader = await opened(w.PostgresSource(where(server), "t"))
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                with pytest.raises(w.ServerAwayError):
                    await read_and_commit(reader)

            nursery.start_soon(read)
            query(server, "INSERT INTO t SELECT generate_series(1, 100)")
            await trio.sleep(1)
            assert server.process is not None
            began = time.monotonic()
            os.kill(server.process.pid, signal.SIGINT)
            await trio.to_thread.run_sync(server.process.wait, 120)
            assert in_time(began, 30)
        await reader.aclose()


async def test_a_transaction_that_was_open_when_the_slot_was_made_is_waited_for(
    postgres: Server,
) -> None:
    """A snapshot that does not see it could be without it for good: see `place.py`."""
    with slot_of(postgres, "waited") as slot:
        query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY)")
        query(postgres, f"INSERT INTO {slot} VALUES (1)")
        query(postgres, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
        source = w.PostgresSource(where(postgres), slot, slot=slot)
        with psycopg.connect(where(postgres), application_name="open for long") as other:
            other.execute("CREATE TABLE waited_other ()")
            reader = await opened(source)
            first = await reader.read()
            assert first is not None
            with pytest.raises(w.ServerAwayError, match=r"the oldest is of .*'open for long'"):
                await reader.read()
            await reader.aclose()
            other.rollback()
        reader = await source.open(slot, first.position, CONTEXT)
        assert [each.key for each in (await next_of(reader)).records] == [(1,)]
        await reader.aclose()
