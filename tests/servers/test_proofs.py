"""The conformance kit, run with each sink against its real server."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.servers.changes import query, slot_of, until_unused, where
from support.servers.process import Server
from support.servers.redis import ask, url
from support.servers.told import Said
from support.servers.topics import Topics

import wallarood as w
from wallarood.testing.connectors import Proof, SinkCase, SourceCase, prove_sink, prove_source

pytestmark = pytest.mark.long


async def prove(
    sink: w.Sink,
    read: Callable[[], Sequence[Any]],
    server: Server,
    *,
    directory: Path,
    **options: Any,
) -> Proof:
    proof = await prove_sink(
        SinkCase(sink=sink, read=read, server=server, kills=5, **options), directory
    )
    print(proof)
    return proof


async def test_redis_sink_keeps_its_guarantee(redis: Server, tmp_path: Path) -> None:
    sink = w.RedisSink(url(redis), "proven", format="text")

    def read() -> list[str]:
        return [pairs[1].decode() for _, pairs in ask(redis, "XRANGE", "proven", "-", "+")]

    ask(redis, "ACL", "SETUSER", "proving", "on", ">open sesame", "~*", "+@all")
    wrong = {
        "password": (
            w.RedisSink(f"redis://proving:barley@{redis.address}/0", "x"),
            "WRONGPASS",
        )
    }
    proof = await prove(sink, read, redis, directory=tmp_path, wrong=wrong, secrets=["barley"])
    assert list(proof.untried) == []


async def test_postgres_sink_keeps_its_guarantee(postgres: Server, tmp_path: Path) -> None:
    query(postgres, "CREATE TABLE proven (at bigserial, said text)")
    sink = w.PostgresSink(where(postgres), "proven", columns=["said"])

    def read() -> list[str]:
        return [said for (said,) in query(postgres, "SELECT said FROM proven ORDER BY at")]

    wrong = {"database": (w.PostgresSink(f"{where(postgres)}x", "t", columns=["a"]), "postgresx")}
    proof = await prove(sink, read, postgres, directory=tmp_path, wrong=wrong)
    assert list(proof.untried) == []


async def test_postgres_source_keeps_its_guarantee(postgres: Server, tmp_path: Path) -> None:
    query(postgres, "CREATE TABLE told (at bigserial PRIMARY KEY, said text)")

    def append(_: str, records: list[Any]) -> None:
        rows = ", ".join(f"('{said}')" for said in records)
        query(postgres, f"INSERT INTO told (said) VALUES {rows}")

    def forget(slot: str) -> None:
        until_unused(postgres, slot)
        query(postgres, f"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")

    with slot_of(postgres, "told") as slot:
        source = Said(w.PostgresSource(where(postgres), "told", slot=slot))
        wrong: Any = {"table": (w.PostgresSource(where(postgres), "no"), "has no table 'no'")}
        case = SourceCase(source=source, append=append, forget=forget, server=postgres, wrong=wrong)
        proof = await prove_source(case, tmp_path)
    print(proof)
    assert list(proof.untried) == ["partition appears"]


async def test_kafka_sink_keeps_its_guarantee(kafka: Server, tmp_path: Path) -> None:
    topics = Topics(kafka.address)
    topics.create("proven")
    sink = w.KafkaSink(kafka.address, "proven", format="text", marker_topic="proven-markers")

    def read() -> list[str]:
        return [(value or b"").decode() for _, _, value in topics.read("proven")]

    wrong = {"topic": (w.KafkaSink(kafka.address, "nowhere"), "has no topic 'nowhere'")}
    # A broker takes long to start, and each writer a second to be fenced: the rest of the trials is
    # what test_systems does.
    only = ("published again", "process killed", "zombie writer", "marker ahead", "marker lost")
    only += ("checkpoint put back", "server away", "server slow", "refused")
    proof = await prove(sink, read, kafka, directory=tmp_path, wrong=wrong, only=only)
    assert list(proof.shown) == list(only)
