"""A file is gone for a while, as when its volume is not mounted; or locked, or replaced."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.sqlite import rows, target
from wallarood.model.errors import DamagedStateError, PeersGoneError, ServerAwayError


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    execute(path / "in.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT)")
    return path


def execute(path: Path, statement: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def add(volume: Path, word: str) -> None:
    execute(volume / "in.db", "INSERT INTO t (word) VALUES (?)", word)


async def words(reader: w.SourceReader[Any], count: int) -> list[str]:
    found: list[str] = []
    with patiently(20):
        while len(found) < count:
            batch = await reader.read()
            assert batch is not None
            found += [record["word"] for record in batch.records]
    return found


async def test_a_source_waits_for_its_file_and_reads_on(volume: Path) -> None:
    source = w.SqliteSource(volume / "in.db", "t", columns=["word"])
    add(volume, "one")
    reader = await source.open("t", None, w.SourceContext("in"))
    assert await words(reader, 1) == ["one"]
    volume.rename(volume.with_name("gone"))
    with trio.move_on_after(0.3) as waited:
        await reader.read()
    assert waited.cancelled_caught
    with pytest.raises(ServerAwayError, match=r"in\.db is not there"):
        await source.open("t", 1, w.SourceContext("in"))
    volume.mkdir()  # the mount point is empty
    with pytest.raises(ServerAwayError, match=r"in\.db is not there"):
        await source.open("t", 1, w.SourceContext("in"))
    volume.rmdir()
    volume.with_name("gone").rename(volume)
    add(volume, "two")
    assert await words(reader, 1) == ["two"]
    await reader.aclose()
    reader = await source.open("t", 1, w.SourceContext("in"))
    assert await words(reader, 1) == ["two"]
    await reader.aclose()


async def committed(writer: Any, word: str) -> Any:
    await writer.write([(word,)])
    prepared = await writer.prepare()
    with patiently(20):
        await writer.commit(prepared)
    return prepared


async def test_a_sink_keeps_what_its_file_lacks(volume: Path, tmp_path: Path) -> None:
    sink = w.SqliteSink(volume / "out.db", "t", columns=["word"])
    context = SinkContext("app", "app-12345678", "alpha", "out", 0, str(tmp_path / "spool"))
    writer: Any = await sink.open(context, None)
    await committed(writer, "one")
    await writer.write([("two",)])
    prepared = await writer.prepare()
    volume.rename(volume.with_name("gone"))
    for _ in range(2):  # with a connection that is open, and without one
        with patiently(20), pytest.raises(PeersGoneError, match=r"out\.db"):
            await writer.commit(prepared)
    volume.mkdir()
    with patiently(20), pytest.raises(DamagedStateError, match="it has lost data"):
        await writer.commit(prepared)  # an empty file is not the one that had "one"
    for each in volume.iterdir():
        each.unlink()
    volume.rmdir()
    volume.with_name("gone").rename(volume)
    with patiently(20):
        await writer.commit(prepared)
    await writer.aclose()
    assert execute(volume / "out.db", "SELECT word FROM t") == [("one",), ("two",)]


async def test_a_lock_of_another_process_is_waited_for(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (rows, target):
        monkeypatch.setattr(module, "BUSY_S", 0.05)
    add(volume, "one")
    source = w.SqliteSource(volume / "in.db", "t", columns=["word"])
    sink = w.SqliteSink(volume / "in.db", "other", columns=["word"])
    context = SinkContext("app", "app-12345678", "alpha", "out", 0, str(tmp_path / "spool"))
    writer: Any = await sink.open(context, None)
    await writer.write([("two",)])
    prepared = await writer.prepare()
    with contextlib.closing(sqlite3.connect(volume / "in.db", isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServerAwayError, match="locked"):
            await source.open("t", None, w.SourceContext("in"))
        with patiently(20), pytest.raises(PeersGoneError, match="locked"):
            await writer.commit(prepared)
    reader = await source.open("t", None, w.SourceContext("in"))
    assert await words(reader, 1) == ["one"]
    await reader.aclose()
    with patiently(20):
        await writer.commit(prepared)
    await writer.aclose()
    assert execute(volume / "in.db", "SELECT word FROM other") == [("two",)]


def backup(path: Path, copy: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(path)) as one,
        contextlib.closing(sqlite3.connect(copy)) as other,
    ):
        one.backup(other)


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_what_goes_to_a_file_that_was_replaced_is_not_lost(
    volume: Path, tmp_path: Path, mode: str, is_old: bool
) -> None:
    """A copy with all goes on; a backup that lacks something stops the sink at once."""
    path, copy = volume / "out.db", volume / "copy.db"
    execute(path, f"PRAGMA journal_mode = {mode}")
    sink = w.SqliteSink(path, "t", columns=["word"])
    context = SinkContext("app", "app-12345678", "alpha", "out", 0, str(tmp_path / "spool"))
    writer: Any = await sink.open(context, None)
    await committed(writer, "one")
    if is_old:
        backup(path, copy)
    await committed(writer, "two")
    if not is_old:
        backup(path, copy)
    for each in (f"{path}-wal", f"{path}-shm"):
        Path(each).unlink(missing_ok=True)
    copy.replace(path)
    if is_old:
        with pytest.raises(DamagedStateError, match="it has lost data"):
            await committed(writer, "three")
    else:
        await committed(writer, "three")
    await writer.aclose()
    expected = [("one",)] if is_old else [("one",), ("two",), ("three",)]
    assert execute(path, "SELECT word FROM t") == expected
