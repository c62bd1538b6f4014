"""A primary dies and its standby is promoted: what a source and a sink say and do."""

import functools
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.test_postgres_refusals import read_to_the_end, stops
from servers.test_postgres_source import next_of, opened
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.rests import counting
from support.servers import postgres as postgreses
from support.servers.changes import query
from support.servers.process import Server, demand, serving

import wallarood as w

Pair = tuple[Server, Server]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and its standby."""
    demand(postgreses.missing())
    with (
        serving(postgreses.server) as primary,
        serving(functools.partial(postgreses.standby, of=primary)) as standby,
    ):
        wait_for("it follows", lambda: query(primary, "SELECT 1 FROM pg_stat_replication"))
        yield primary, standby


def url_of(pair: Pair) -> str:
    """Of whichever is the primary."""
    places = ",".join(each.address for each in pair)
    return f"postgresql://postgres@{places}/postgres?target_session_attrs=read-write"


def counting_into(pair: Pair, numbers: int) -> str:
    """An application that counts so many numbers into the table ``counts``."""
    sink = f'w.PostgresSink("{url_of(pair)}", "counts", columns=["rest", "count"])'
    return counting("counting", f"rate=2000, count={numbers}, partitions=2", sink=sink)


def until_replayed(pair: Pair) -> None:
    """Wait until the standby has all of the primary."""
    primary, standby = pair
    (end,) = query(primary, "SELECT pg_current_wal_lsn()")
    has_all = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    wait_for("it is replayed", lambda: query(standby, has_all, end) == [(True,)])


def follow_no_more(pair: Pair) -> None:
    """Let the standby stay where it is."""
    primary, standby = pair
    query(standby, "ALTER SYSTEM SET primary_conninfo = ''")
    query(standby, "SELECT pg_reload_conf()")
    wait_for("it is alone", lambda: not query(primary, "SELECT 1 FROM pg_stat_replication"))


async def test_a_slot_that_stayed_behind_stops_the_source(pair: Pair) -> None:
    """A standby has no slot; one that is made there begins later. Nothing is skipped."""
    primary, standby = pair
    query(primary, "CREATE TABLE t (id int PRIMARY KEY, said text)")
    query(primary, "INSERT INTO t VALUES (1, 'one')")
    source = w.PostgresSource(url_of(pair), "t", slot="s")
    position = await read_to_the_end(source)
    query(primary, "INSERT INTO t VALUES (2, 'two')")
    until_replayed(pair)
    primary.kill()
    postgreses.promote(standby)
    query(standby, "INSERT INTO t VALUES (3, 'three')")
    said = await stops(source, position, "has no replication slot 's' any more: it was read up to")
    assert "Form a new cluster" in said
    query(standby, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    await stops(source, position, "has gone on to .*, and was read up to .*Nothing was skipped")
    reader = await opened(source)  # a new cluster
    assert [each.key for each in (await next_of(reader)).records] == [(1,), (2,), (3,)]
    await reader.aclose()


async def test_a_standby_that_was_behind_what_was_read_stops_the_source(pair: Pair) -> None:
    primary, standby = pair
    query(primary, "CREATE TABLE t (id int PRIMARY KEY, said text)")
    query(primary, "INSERT INTO t VALUES (1, 'one')")
    until_replayed(pair)
    follow_no_more(pair)
    source = w.PostgresSource(url_of(pair), "t", slot="s")
    position = await read_to_the_end(source)
    primary.kill()
    postgreses.promote(standby)
    await stops(source, position, "timeline 2, which does not continue timeline 1 .* has lost what")


def test_a_sink_goes_on_at_a_standby_that_has_all(pair: Pair, tmp_path: Path) -> None:
    """The primary waits for its standby, is killed, and the standby is promoted under way."""
    primary, standby = pair
    query(primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    query(primary, "SELECT pg_reload_conf()")
    sync = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
    wait_for("it is waited for", lambda: query(primary, sync))
    query(primary, "CREATE TABLE counts (at bigserial, rest int, count int)")
    numbers = 12_000
    file = tmp_path / "counting.py"
    file.write_text(counting_into(pair, numbers))

    def found(server: Server) -> list[Any]:
        return query(server, "SELECT rest, count FROM counts ORDER BY at")

    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), 2)
        wait_for("some are there", lambda: found(primary))
        primary.kill()
        cluster.kill("alpha")
        query(standby, "ALTER SYSTEM SET synchronous_standby_names = ''")
        postgreses.promote(standby)
        wait_for("all are there", lambda: len(found(standby)) >= numbers, wait_s=60)
        cluster.until("completed")
        cluster.end()
    counts: dict[int, list[int]] = {}
    for rest, count in found(standby):
        counts.setdefault(rest, []).append(count)
    for rest, each in counts.items():
        assert each == list(range(1, len(range(rest, numbers, 97)) + 1)), rest


def test_a_sink_whose_server_has_lost_what_it_took_stops(pair: Pair, tmp_path: Path) -> None:
    """The standby was behind: what it lacks is said, and nothing is written after the gap."""
    primary, standby = pair
    query(primary, "CREATE TABLE counts (at bigserial, rest int, count int)")
    there = "SELECT to_regclass('counts') IS NOT NULL"
    wait_for("the standby has the table", lambda: query(standby, there)[0][0])
    file = tmp_path / "counting.py"
    file.write_text(counting_into(pair, 100_000))
    count = "SELECT count(*) FROM counts"
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start("alpha", str(file), count=1, initializer=True)
        wait_for("some are there", lambda: query(standby, count)[0][0] > 0)
        follow_no_more(pair)
        (behind,) = query(standby, count)[0]  # it may be replaying what it was sent
        wait_for("more are there", lambda: query(primary, count)[0][0] > behind + 3000)
        worker.send(signal.SIGSTOP)
        primary.kill()
        postgreses.promote(standby)
        (had,) = query(standby, count)[0]
        worker.send(signal.SIGCONT)
        assert worker.wait(60) == 65, worker.said
        assert "it has lost data, as after a failover" in worker.said
        assert query(standby, count) == [(had,)]
        markers = query(standby, "SELECT last FROM wallarood_markers")
        assert json.loads(str(markers[0][0])) == had
