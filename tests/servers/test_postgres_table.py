"""A table of PostgreSQL as the table of a stream, and the example that has one."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.test_postgres_source import CONTEXT, next_of
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.patience import patiently
from support.servers.changes import NUMBERS, query, slot_of, where
from support.servers.process import Server
from support.servers.reading import read_until

import wallarood as w


@pytest.fixture
def slot(postgres: Server) -> Iterator[str]:
    with slot_of(postgres, f"table_{next(NUMBERS)}") as name:
        yield name


async def test_rows_come_and_go_and_get_other_keys(postgres: Server, slot: str) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, name text, large text)")
    query(postgres, f"ALTER TABLE {slot} ALTER large SET STORAGE EXTERNAL")
    large = "x" * 100_000
    query(postgres, f"INSERT INTO {slot} VALUES (1, 'a', %s), (2, 'b', '')", (large,))
    source = w.PostgresTableSource(where(postgres), slot, slot=slot)
    reader = await source.open(slot, None, CONTEXT)
    assert not reader.caught_up
    rows = (await next_of(reader)).records
    assert [(row.key, row.deleted) for row in rows] == [((1,), False), ((2,), False)]
    await read_until(reader, lambda: reader.caught_up)
    query(
        postgres,
        f"UPDATE {slot} SET name = 'aa' WHERE id = 1; UPDATE {slot} SET id = 3 WHERE id = 2; "
        f"DELETE FROM {slot} WHERE id = 3",
    )
    found: list[Any] = []
    while len(found) < 4:
        found += (await next_of(reader)).records
    assert [(row.key, row.deleted) for row in found] == [
        ((1,), False),
        ((2,), True),
        ((3,), False),
        ((3,), True),
    ]
    assert found[0].values == {"id": 1, "name": "aa", "large": large}  # read from the table
    query(postgres, f"TRUNCATE {slot}")
    with patiently(30), pytest.raises(w.ApplicationError, match="was truncated, and which"):
        await next_of(reader)
    await reader.aclose()


def test_the_example_has_the_totals_of_all_orders(postgres: Server, tmp_path: Path) -> None:
    """Orders and names change while workers are killed."""
    with slot_of(postgres, "orders"), slot_of(postgres, "customers"):
        query(postgres, "CREATE TABLE customers (id int PRIMARY KEY, name text)")
        query(postgres, "CREATE TABLE orders (id int PRIMARY KEY, customer int, cents int)")
        query(postgres, "CREATE TABLE totals (customer int PRIMARY KEY, name text, cents bigint)")
        query(postgres, "INSERT INTO customers SELECT n, 'c' || n FROM generate_series(1, 20) n")
        fill = "INSERT INTO orders SELECT n, n % 20 + 1, n FROM generate_series(1, 500) n"
        query(postgres, fill)
        example = "wallarood.examples.servers.postgres_totals"
        with hosts_in(tmp_path) as hosts:
            cluster = Killer(hosts, f"{example}:app", 3, args=(where(postgres),))
            cluster.until("running")
            for turn, name in zip(range(1, 5), itertools.cycle(("alpha", "beta", "gamma"))):
                query(postgres, f"UPDATE orders SET cents = cents + {turn} WHERE id % 3 = 0")
                query(postgres, f"UPDATE orders SET customer = {turn} WHERE id % 50 = {turn}")
                query(postgres, f"DELETE FROM orders WHERE id % 40 = {turn}")
                cluster.kill(name)
            due = query(
                postgres,
                "SELECT o.customer, max(c.name), sum(cents) FROM orders o "
                "JOIN customers c ON c.id = o.customer GROUP BY 1 ORDER BY 1",
            )

            def totals() -> list[Any]:
                return query(postgres, "SELECT * FROM totals WHERE cents <> 0 ORDER BY 1")

            wait_for("the totals are right", lambda: totals() == due, wait_s=90)
            cluster.until("running")
            cluster.end()
        assert totals() == due
