"""The examples for servers, each run by two workers against its server."""

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import trio
from support.harness import hosts_in, wait_for
from support.servers import nats as natses
from support.servers import redis as redises
from support.servers.changes import query, where
from support.servers.process import Server
from support.servers.redis import ask
from support.servers.topics import Topics

NUMBERS = itertools.count()
LINES = ["a rose is", "a rose is a rose"]
LAST = {"a": 3, "rose": 3, "is": 2}
COUNTS = sorted([("a", 1), ("a", 2), ("a", 3), ("rose", 1), ("rose", 2), ("rose", 3)])
COUNTS += [("is", 1), ("is", 2)]


def run(example: str, *args: str, found: Callable[[], object], directory: Path) -> None:
    """Run it until what is *found* is not empty, and let it end in an orderly way."""
    with hosts_in(directory) as hosts:
        workers = hosts.start_cluster(2, f"wallarood.examples.servers.{example}", args=args)
        wait_for("it has counted", found, wait_s=60)
        for each in workers:
            each.send(15)
        for each in workers:
            assert each.wait() == 0, each.said


def all_of(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """All counts, or nothing while some are missing; none may be there twice."""
    assert len(set(found)) == len(found)
    return found if sorted(found) == sorted(COUNTS) else []


def test_kafka_words(kafka: Server, tmp_path: Path) -> None:
    topics, lines = Topics(kafka.address), f"lines{next(NUMBERS)}"
    topics.create(lines)
    topics.create(f"{lines}-counts")
    topics.produce(lines, [(None, line.encode(), 0) for line in LINES])

    def found() -> object:
        values = [value or b"" for _, _, value in topics.read(f"{lines}-counts")]
        return all_of([(word, count) for word, count in map(json.loads, values)])

    run("kafka_words", kafka.address, lines, f"{lines}-counts", found=found, directory=tmp_path)


def test_redis_words(redis: Server, tmp_path: Path) -> None:
    name = f"example{next(NUMBERS)}"
    for line in LINES:
        ask(redis, "XADD", f"{name}-in-1", "*", "value", line)

    def found() -> object:
        entries = ask(redis, "XRANGE", f"{name}-out", "-", "+")
        return all_of([(word, n) for _, pairs in entries for word, n in [json.loads(pairs[1])]])

    streams = (f"{name}-in-*", f"{name}-out")
    run("redis_words", redises.url(redis), *streams, found=found, directory=tmp_path)


def test_nats_words(nats: Server, tmp_path: Path) -> None:
    lines, counts = f"LINES{next(NUMBERS)}", f"COUNTS{next(NUMBERS)}"
    for stream in (lines, counts):
        trio.run(natses.create, nats, stream)
    trio.run(natses.send_all, nats, [(f"{lines}.a", line) for line in LINES])

    def found() -> object:
        values = trio.run(natses.stored, nats, counts, f"{counts}.counts")
        return all_of([(word, count) for word, count in map(json.loads, values)])

    run("nats_words", natses.url(nats), lines, counts, found=found, directory=tmp_path)


def test_postgres_words(postgres: Server, tmp_path: Path) -> None:
    table = f"example{next(NUMBERS)}"
    query(postgres, f"CREATE TABLE {table} (word text PRIMARY KEY, count bigint)")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "lines").write_text("".join(f"{line}\n" for line in LINES))

    def found() -> object:
        return dict(query(postgres, f"SELECT word, count FROM {table}")) == LAST

    args = (where(postgres), str(tmp_path / "in"), table)
    run("postgres_words", *args, found=found, directory=tmp_path)


def test_sqlite_words(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "in.db")) as file, file:
        file.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT)")
        file.executemany("INSERT INTO lines (line) VALUES (?)", [(line,) for line in LINES])

    def found() -> object:
        with closing(sqlite3.connect(tmp_path / "counts.db", timeout=30)) as file:
            there = file.execute("SELECT 1 FROM sqlite_master WHERE name = 'counts'").fetchall()
            rows = file.execute("SELECT word, count FROM counts").fetchall() if there else []
        return dict(rows) == LAST

    args = (str(tmp_path / "in.db"), "lines", str(tmp_path / "counts.db"))
    run("sqlite_words", *args, found=found, directory=tmp_path)
