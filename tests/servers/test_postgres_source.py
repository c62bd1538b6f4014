"""The source of changes of PostgreSQL against a real server."""

import contextlib
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio
from support.patience import patiently
from support.servers.changes import NUMBERS, Accounts, Event, query, slot_of, where
from support.servers.process import Server
from support.servers.reading import read_until

import wallarood as w
from wallarood.app.connector import SourceBatch, SourceContext, SourceLimits, SourceReader
from wallarood.connectors.postgres.changes import reader as changes_reader

BEING_MADE = w.ServerAwayError
"""What is said where a `read` was cancelled while it made the slot."""
CONTEXT = SourceContext("in", "alpha", "test-1", limits=SourceLimits(batch_records_max=50))


@pytest.fixture
def slot(postgres: Server) -> Iterator[str]:
    with slot_of(postgres, f"slot_{next(NUMBERS)}") as name:
        yield name


async def opened(source: w.PostgresSource, position: Any = None) -> SourceReader[Any]:
    return await source.open(source.partitions()[0], position, CONTEXT)


async def next_of(reader: SourceReader[Any]) -> SourceBatch[Any]:
    """The next batch with records."""
    with patiently(30):
        while True:
            batch = await reader.read()
            assert batch is not None
            if batch.records:
                return batch


async def read(reader: SourceReader[Any], count: int) -> list[Any]:
    """So many records, or more."""
    found: list[Any] = []
    while len(found) < count:
        found += (await next_of(reader)).records
    return found


async def test_rows_come_first_and_then_what_becomes_of_them(postgres: Server, slot: str) -> None:
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, said text, large text)")
    query(postgres, f"INSERT INTO {slot} SELECT n, 'row ' || n FROM generate_series(1, 120) n")
    source = w.PostgresSource(where(postgres), slot, slot=slot)
    reader = await opened(source)
    rows = await read(reader, 120)
    assert [row.key for row in rows] == [(n,) for n in range(1, 121)]
    assert {row.operation for row in rows} == {"read"}
    assert rows[4].values == {"id": 5, "said": "row 5", "large": None}
    query(
        postgres,
        f"INSERT INTO {slot} VALUES (200, 'new'); UPDATE {slot} SET said = 'other' WHERE id = 1; "
        f"UPDATE {slot} SET id = 201 WHERE id = 2; DELETE FROM {slot} WHERE id = 3; "
        f"TRUNCATE {slot}",
    )
    insert, update, moved, delete, truncate = await read(reader, 5)
    await reader.aclose()
    assert insert.operation == "insert"
    assert insert.values == {"id": 200, "said": "new", "large": None}
    assert (update.operation, update.key, update.old) == ("update", (1,), None)
    assert (moved.operation, moved.key, moved.old) == ("update", (201,), {"id": 2})
    assert (delete.operation, delete.key, delete.values) == ("delete", (3,), None)
    assert delete.old == {"id": 3}
    assert (truncate.operation, truncate.table) == ("truncate", f"public.{slot}")
    assert insert.lsn == truncate.lsn > rows[0].lsn
    assert insert.time > rows[0].time > 1_700_000_000_000_000


async def test_the_lag_is_what_the_log_has_after_what_was_read(
    postgres: Server, slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_reader, "LAG_S", 0.0)
    query(postgres, f"CREATE TABLE {slot} (id int PRIMARY KEY, said text)")
    reader: Any = await opened(w.PostgresSource(where(postgres), slot, slot=slot))
    assert reader.lag_bytes is None
    query(postgres, f"INSERT INTO {slot} VALUES (0, 'first')")
    await read(reader, 1)
    for start in range(1, 2000, 100):
        values = f"SELECT n, repeat('x', 100) FROM generate_series({start}, {start + 99}) n"
        query(postgres, f"INSERT INTO {slot} {values}")
    lags = []
    for _ in range(20):
        await next_of(reader)
        lags.append(reader.lag_bytes)
    await read_until(reader, lambda: not reader.lag_bytes)
    await reader.aclose()
    assert lags[0] > 100_000
    assert lags[-1] < lags[0]


@attrs.define
class History:
    """What was read up to each position, so that any of them can be gone back to."""

    records: list[Any]
    positions: list[tuple[int, Any]]

    def back_to(self, place: int) -> Any:
        count, position = self.positions[place]
        del self.records[count:]
        del self.positions[place + 1 :]
        return position


def has_read_all(position: Any) -> bool:
    """Whether it is behind the rows that were there."""
    passes = position["passes"]
    return not position["tables"] or bool(passes and not passes[-1]["table"])


def events_of(records: list[Any]) -> dict[int, list[Event]]:
    told: dict[int, list[Event]] = defaultdict(list)
    last: dict[int, int] = {}
    for each in records:
        number = each.key[-1]
        if each.values is not None:
            last[number] = each.values["version"]
        told[number].append((each.operation, last.get(number, 0)))
    return told


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))]
)
async def test_each_change_is_told_once_though_the_first_reading_is_interrupted(
    postgres: Server, slot: str, seed: int
) -> None:
    """The table changes all the time; the reader goes back to any position at any time.

    Some tables have a key of two columns, in another order than that of the table.
    """
    key = "part, id" if seed % 2 else "id"
    accounts = Accounts.made(postgres, slot, rows=300, seed=seed, key=key)
    source, rng = w.PostgresSource(where(postgres), slot, slot=slot), random.Random(seed)
    history = History([], [])
    reader = await opened(source)
    for _ in range(60):
        accounts.change(rng.choice([1, 3, 40, 200]))
        with trio.move_on_after(rng.choice([0.01, 0.1, 1.0])), contextlib.suppress(BEING_MADE):
            batch = await reader.read()
            assert batch is not None
            history.records += batch.records
            history.positions.append((len(history.records), batch.position))
        if history.positions and rng.random() < 0.4:
            await reader.aclose()
            place = rng.randrange(max(0, len(history.positions) - 5), len(history.positions))
            reader = await opened(source, history.back_to(place))
    accounts.close()
    position = history.positions[-1][1]
    while not has_read_all(position):
        batch = await reader.read()
        assert batch is not None
        history.records, position = history.records + batch.records, batch.position
    query(postgres, f"INSERT INTO {slot} VALUES (1000000, 1)")
    while not history.records or history.records[-1].key[-1] != 1_000_000:
        history.records += (await next_of(reader)).records
    await reader.aclose()
    assert accounts.wrong(events_of(history.records[:-1])) == []
