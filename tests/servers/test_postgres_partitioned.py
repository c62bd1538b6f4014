"""Partitioned tables of PostgreSQL as a source: all partitions are one table, those to come too."""

from collections.abc import Iterator

import pytest
from servers.test_postgres_source import opened, read
from support.servers.changes import NUMBERS, query, slot_of, where
from support.servers.process import Server

import wallarood as w


@pytest.fixture
def table(postgres: Server) -> Iterator[str]:
    """By region, and one region by year."""
    with slot_of(postgres, f"parts_{next(NUMBERS)}") as name:
        query(
            postgres,
            f"CREATE TABLE {name} (id int, region text, said text, PRIMARY KEY (region, id)) "
            f"PARTITION BY LIST (region);"
            f"CREATE TABLE {name}_north PARTITION OF {name} FOR VALUES IN ('north');"
            f"CREATE TABLE {name}_south PARTITION OF {name} FOR VALUES IN ('south') "
            f"PARTITION BY RANGE (id);"
            f"CREATE TABLE {name}_south_1 PARTITION OF {name}_south FOR VALUES FROM (0) TO (100);"
            f"CREATE TABLE {name}_south_2 PARTITION OF {name}_south FOR VALUES FROM (100) TO (200)",
        )
        yield name


async def test_rows_of_all_partitions_come_and_then_what_becomes_of_them(
    postgres: Server, table: str
) -> None:
    query(
        postgres,
        f"INSERT INTO {table} SELECT n, 'north', 'row' FROM generate_series(1, 120) n;"
        f"INSERT INTO {table} SELECT n, 'south', 'row' FROM generate_series(1, 199) n",
    )
    reader = await opened(w.PostgresSource(where(postgres), table, slot=table))
    rows = await read(reader, 319)
    keys = [("north", n) for n in range(1, 121)] + [("south", n) for n in range(1, 200)]
    assert [row.key for row in rows] == keys
    query(
        postgres,
        f"INSERT INTO {table} VALUES (300, 'north', 'new');"
        f"UPDATE {table} SET said = 'other' WHERE region = 'south' AND id = 5;"
        f"UPDATE {table} SET region = 'north', id = 301 WHERE region = 'south' AND id = 150;"
        f"DELETE FROM {table} WHERE region = 'south' AND id = 199",
    )
    changes = await read(reader, 5)
    assert {each.table for each in changes} == {f"public.{table}"}
    assert [(each.operation, each.key) for each in changes] == [
        ("insert", ("north", 300)),
        ("update", ("south", 5)),
        ("delete", ("south", 150)),  # a row that goes to another partition
        ("insert", ("north", 301)),
        ("delete", ("south", 199)),
    ]
    await reader.aclose()


async def test_a_partition_that_comes_later_is_read_and_one_that_goes_is_not_told(
    postgres: Server, table: str
) -> None:
    reader = await opened(w.PostgresSource(where(postgres), table, slot=table))
    query(postgres, f"INSERT INTO {table} VALUES (1, 'north', 'one')")
    assert [each.key for each in await read(reader, 1)] == [("north", 1)]
    query(
        postgres,
        f"CREATE TABLE {table}_east PARTITION OF {table} FOR VALUES IN ('east');"
        f"INSERT INTO {table} VALUES (1, 'east', 'one');"
        f"CREATE TABLE {table}_west (LIKE {table} INCLUDING ALL);"
        f"INSERT INTO {table}_west VALUES (1, 'west', 'was there');"
        f"ALTER TABLE {table} ATTACH PARTITION {table}_west FOR VALUES IN ('west');"
        f"INSERT INTO {table} VALUES (2, 'west', 'came');"
        f"TRUNCATE {table}_north;"
        f"ALTER TABLE {table} DETACH PARTITION {table}_north;"
        f"INSERT INTO {table} VALUES (3, 'west', 'last')",
    )
    found = await read(reader, 3)
    assert [(each.operation, each.key) for each in found] == [
        ("insert", ("east", 1)),
        ("insert", ("west", 2)),
        ("insert", ("west", 3)),
    ]
    await reader.aclose()


async def test_one_partition_may_be_read_alone(postgres: Server, table: str) -> None:
    reader = await opened(w.PostgresSource(where(postgres), f"{table}_south", slot=table))
    query(
        postgres,
        f"INSERT INTO {table} VALUES "
        "(1, 'north', 'no'), (1, 'south', 'one'), (150, 'south', 'two')",
    )
    found = await read(reader, 2)
    assert [each.key for each in found] == [("south", 1), ("south", 150)]
    assert {each.table for each in found} == {f"public.{table}_south"}
    await reader.aclose()


async def test_a_publication_of_the_partitions_is_refused(postgres: Server, table: str) -> None:
    """Without the root in it, a partition that comes later would be missed."""
    query(postgres, f"CREATE PUBLICATION {table} FOR TABLE {table}")
    source = w.PostgresSource(where(postgres), table, slot=table)
    with pytest.raises(w.WallaroodError, match="publish_via_partition_root"):
        await source.check_connected()
