"""Values of changes of PostgreSQL: their types, large ones, large transactions, other columns."""

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
import trio
from servers.test_postgres_source import CONTEXT, next_of, opened
from support.patience import patiently
from support.servers.changes import NUMBERS, query, slot_of, where
from support.servers.process import Server

import wallarood as w

VALUES: dict[str, tuple[str, str, Any]] = {
    "flag": ("boolean", "true", True),
    "small": ("smallint", "-5", -5),
    "big": ("bigint", "9223372036854775807", (1 << 63) - 1),
    "exact": ("numeric(10,3)", "1.500", Decimal("1.500")),
    "rough": ("double precision", "0.1", 0.1),
    "single": ("real", "1e30", 1e30),
    "said": ("text", "'é ''x'' \"y\"'", "é 'x' \"y\""),
    "short": ("varchar(5)", "'abc'", "abc"),
    "padded": ("char(4)", "'ab'", "ab  "),
    "bits": ("bytea", "'\\x00ff'", b"\0\xff"),
    "day": ("date", "'2024-02-29'", date(2024, 2, 29)),
    "never": ("date", "'infinity'", "infinity"),
    "at": ("time", "'12:30:00.5'", time(12, 30, 0, 500_000)),
    "local": ("timestamp", "'2024-01-02 03:04:05.678'", datetime(2024, 1, 2, 3, 4, 5, 678_000)),
    "instant": (
        "timestamptz",
        "'2024-01-02 03:04:05+02'",
        datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
    ),
    "old": ("timestamptz", "'0044-03-15 12:00:00+00 BC'", "0044-03-15 12:00:00+00 BC"),
    "tree": ("jsonb", """'{"a": [1, null, "x"]}'""", {"a": [1, None, "x"]}),
    "name": ("uuid", "'00000000-0000-0000-0000-00000000000a'", UUID(int=10)),
    "many": ("int[]", "'{{1,2},{3,NULL}}'", [[1, 2], [3, None]]),
    "words": ("text[]", """'{"a b",NULL,"NULL","q\\"\\\\"}'""", ["a b", None, "NULL", 'q"\\']),
    "dates": ("timestamptz[]", "'{2024-01-01 00:00:00+00}'", [datetime(2024, 1, 1, tzinfo=UTC)]),
    "span": ("interval", "'1 month 2 days'", "P1M2D"),
    "where_": ("point", "'(1,2)'", "(1,2)"),
    "mood": ("MOOD", "'glad'", "glad"),
    "checked": ("CHECKED", "7", "7"),
    "none": ("int", "NULL", None),
}


@pytest.fixture
def slot(postgres: Server) -> Iterator[str]:
    with slot_of(postgres, f"values_{next(NUMBERS)}") as name:
        yield name


def source_of(
    server: Server, slot: str, start: Literal["snapshot", "slot"] = "snapshot"
) -> w.PostgresSource:
    return w.PostgresSource(where(server), slot, slot=slot, start=start)


async def test_values_are_of_the_types_that_the_manual_says(postgres: Server, slot: str) -> None:
    """The same where rows are read first and where they are told as changes."""
    query(postgres, f"CREATE TYPE {slot}_mood AS ENUM ('glad')")
    query(postgres, f"CREATE DOMAIN {slot}_checked AS int CHECK (VALUE > 0)")
    own = {"MOOD": f"{slot}_mood", "CHECKED": f"{slot}_checked"}
    columns = ", ".join(f"{name} {own.get(each[0], each[0])}" for name, each in VALUES.items())
    row = ", ".join(text for _, text, _ in VALUES.values())
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, {columns})")
    query(postgres, f"INSERT INTO {slot} VALUES (1, {row})")
    reader = await opened(source_of(postgres, slot))
    (first,) = (await next_of(reader)).records
    query(postgres, f"INSERT INTO {slot} VALUES (2, {row})")
    (second,) = (await next_of(reader)).records
    await reader.aclose()
    expected = {name: value for name, (_, _, value) in VALUES.items()}
    for found in (first, second):
        values = {name: value for name, value in found.values.items() if name != "id"}
        assert values == expected
        assert {n: type(v) for n, v in values.items()} == {n: type(v) for n, v in expected.items()}
    assert second.values["instant"].tzinfo is UTC


async def test_keys_of_several_columns_and_of_text_are_read_in_parts(
    postgres: Server, slot: str
) -> None:
    """In the order of the server, which may be another than Python's."""
    query(postgres, f'CREATE TABLE {slot} ("Place%" text COLLATE "en-x-icu", n int, x int)')
    query(postgres, f'ALTER TABLE {slot} ADD PRIMARY KEY ("Place%", n)')
    query(
        postgres,
        f"INSERT INTO {slot} SELECT p, n, 0 FROM unnest(ARRAY['a', 'B', 'c', 'é', '%s']) p, "
        "generate_series(1, 40) n",
    )
    source = source_of(postgres, slot)
    found: list[Any] = []
    position = None
    while sum(each.operation == "read" for each in found) < 200:
        reader = await opened(source, position)
        for _ in range(2):
            batch = await reader.read()
            assert batch is not None
            found, position = found + batch.records, batch.position
        await reader.aclose()
        query(postgres, f"UPDATE {slot} SET x = x + 1 WHERE n = 1")
    reader = await opened(source, position)
    query(postgres, f"INSERT INTO {slot} VALUES ('z', 0, 0)")
    while found[-1].key != ("z", 0):
        found += (await next_of(reader)).records
    await reader.aclose()
    rows = [row.key for row in found if row.operation == "read"]
    assert len(set(rows)) == len(rows) == 200
    assert [place for place, _ in rows[::40]] == ["%s", "a", "B", "c", "é"]
    last: dict[Any, int] = {}
    for each in found:
        if each.operation == "update":
            assert each.values["x"] == last[each.key] + 1  # none is told twice, or left out
        last[each.key] = each.values["x"]
    final = query(postgres, f'SELECT "Place%", n, x FROM {slot}')
    assert last == {(place, n): x for place, n, x in final}


async def test_a_large_value_that_has_not_changed_is_named(postgres: Server, slot: str) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, n int, large text)")
    query(postgres, f"ALTER TABLE {slot} ALTER large SET STORAGE EXTERNAL")
    query(postgres, f"INSERT INTO {slot} VALUES (1, 1, repeat('x', 100000))")
    reader = await opened(source_of(postgres, slot))
    (row,) = (await next_of(reader)).records
    assert len(row.values["large"]) == 100_000
    query(postgres, f"UPDATE {slot} SET n = 2")
    (update,) = (await next_of(reader)).records
    assert (update.values, update.unchanged) == ({"id": 1, "n": 2}, ("large",))
    query(postgres, f"ALTER TABLE {slot} REPLICA IDENTITY FULL")
    query(postgres, f"UPDATE {slot} SET n = 3")
    (update,) = (await next_of(reader)).records
    await reader.aclose()
    assert (update.key, update.values["n"], update.old["n"], update.unchanged) == ((1,), 3, 2, ())
    assert len(update.values["large"]) == len(update.old["large"]) == 100_000


async def test_other_columns_are_told_before_the_first_change_that_has_them(
    postgres: Server, slot: str
) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, n int)")
    query(postgres, f"INSERT INTO {slot} VALUES (1, 1)")
    source = source_of(postgres, slot)
    reader = await opened(source)
    await next_of(reader)
    query(postgres, f"ALTER TABLE {slot} ADD COLUMN more text DEFAULT 'm'")
    query(postgres, f"UPDATE {slot} SET n = 2; UPDATE {slot} SET n = 3")
    found: list[Any] = []
    while len(found) < 3:
        batch = await next_of(reader)
        found += batch.records
    schema, second, third = found
    await reader.aclose()
    assert schema.operation == "schema"
    assert schema.values == {"id": "integer", "n": "integer", "more": "text"}
    assert second.values == {"id": 1, "n": 2, "more": "m"}
    assert third.values["n"] == 3
    reader = await opened(source, batch.position)
    query(postgres, f"UPDATE {slot} SET n = 4")
    (fourth,) = (await next_of(reader)).records
    await reader.aclose()
    assert fourth.operation == "update"


async def test_a_transaction_of_any_size_is_read_in_batches_of_bounded_memory(
    postgres: Server, slot: str
) -> None:
    """The reader is opened again in the middle of it, and goes on at the next change."""
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, said text)")
    source = source_of(postgres, slot, "slot")
    reader = await source.open(slot, None, w.SourceContext("in", "alpha", "test-1"))
    first = await reader.read()
    assert first is not None
    count = 25_000
    query(
        postgres,
        f"INSERT INTO {slot} SELECT n, repeat('x', 1000) FROM generate_series(1, {count}) n",
    )
    seen, position, lsns = 0, first.position, set()
    tracemalloc.start()
    try:
        while seen < count:
            batch = await next_of(reader)
            for each in batch.records:
                seen += 1
                assert each.key == (seen,)
            lsns.add(batch.records[-1].lsn)
            position = batch.position
            if seen < count and seen // 10_000 != (seen - len(batch.records)) // 10_000:
                assert position["skip"] == seen
                await reader.aclose()
                reader = await source.open(slot, position, w.SourceContext("in", "alpha", "test-1"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    await reader.aclose()
    assert len(lsns) == 1
    assert peak < 15 << 20, f"{peak:,} bytes for {count * 1000:,} of the transaction"


async def test_the_slot_goes_on_only_behind_what_is_committed(postgres: Server, slot: str) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY)")
    reader = await opened(source_of(postgres, slot, "slot"))
    await reader.read()
    place = f"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{slot}'"
    before = query(postgres, place)
    query(postgres, f"INSERT INTO {slot} VALUES (1)")
    batch = await next_of(reader)
    while batch.position["skip"]:  # amid the transaction: its end has not come yet
        with patiently(30):
            more = await reader.read()
        assert more is not None
        batch = more
    query(postgres, f"INSERT INTO {slot} VALUES (2)")
    await next_of(reader)
    with trio.move_on_after(2):  # keepalives are answered meanwhile
        while True:
            await reader.read()
    assert query(postgres, place) == before
    await reader.committed(batch.position)
    with patiently(30):
        while query(postgres, place) == before:  # noqa: ASYNC110 - the server tells nobody
            await trio.sleep(0.05)
    await reader.aclose()
    assert query(postgres, place) == [(batch.position["lsn"],)]
    assert CONTEXT.cluster_id == "test-1"


async def test_the_slot_goes_on_though_only_other_tables_change(
    postgres: Server, slot: str
) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY)")
    query(postgres, f"CREATE TABLE {slot}_other (id int PRIMARY KEY)")
    reader = await opened(source_of(postgres, slot, "slot"))
    first = await reader.read()
    assert first is not None
    query(postgres, f"INSERT INTO {slot}_other SELECT generate_series(1, 1000)")
    ((now,),) = query(postgres, "SELECT pg_current_wal_lsn()::text")
    with patiently(60):
        while True:
            batch = await reader.read()
            assert batch is not None
            assert batch.records == []
            ((told,),) = query(postgres, f"SELECT '{batch.position['lsn']}'::pg_lsn >= '{now}'")
            if told:
                break
    await reader.aclose()
