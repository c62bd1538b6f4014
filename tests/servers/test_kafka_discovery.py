"""Partitions and topics that are added while a Kafka source runs."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from support.harness import count_lines, hosts_in, wait_for
from support.killer import Killer
from support.patience import patiently
from support.servers.process import Server
from support.servers.topics import Topics

import wallarood as w
from wallarood.connectors.kafka import client
from wallarood.testing.connectors import SourceCase, prove_source

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

words = w.source("in", w.KafkaSource("{address}", "^grown[.]", format="text", discover_s=1))
app = w.application("words", words.key_by(str).to(seen).to_sink(w.FileSink("out")))
"""


async def test_a_source_is_proven(kafka: Server, tmp_path: Path) -> None:
    topics = Topics(kafka.address)
    topics.create("growing")
    counts = itertools.count(2)

    def append(partition: str, records: list[Any]) -> None:
        number = int(partition.rpartition("/")[2])
        topics.produce("growing", [(None, each.encode(), number) for each in records])

    case = SourceCase(
        source=w.KafkaSource(kafka.address, "growing", format="text"),
        append=append,
        add_partition=lambda: topics.grow("growing", next(counts)),
        forget=lambda partition: topics.trim("growing", int(partition[-1]), 20),
        wrong={"topic": (w.KafkaSource(kafka.address, "no-such"), "has no topic 'no-such'")},
        only=["read again", "partition appears", "refused", "position gone"],
    )
    proof = await prove_source(case, tmp_path)
    print(proof)
    assert len(proof.shown) == 4


async def test_a_topic_that_is_deleted_may_end(
    kafka: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CHECK_S", 0.2)
    topics = Topics(kafka.address)
    topics.create("kept")
    topics.create("deleted")
    context = w.SourceContext("in", "alpha")
    source = w.KafkaSource(kafka.address, "kept", "deleted", on_gone="end")
    strict = w.KafkaSource(kafka.address, "kept", "deleted")
    reader = await source.open("deleted/0", None, context)
    batch = await reader.read()
    assert batch is not None
    topics.delete("deleted")
    with patiently(30), pytest.raises(w.ServerAwayError, match="no topic 'deleted'"):
        await reader.read()
    await reader.aclose()
    assert await source.discover() == ["kept/0"]
    with patiently(30), pytest.raises(w.ServerAwayError, match="no topic 'deleted'"):
        await source.open("deleted/0", batch.position, context)
    with patiently(30), pytest.raises(w.WallaroodError, match="no topic 'deleted'") as caught:
        await strict.open("deleted/0", batch.position, context)
    assert not isinstance(caught.value, w.ServerAwayError)


def test_what_is_added_is_counted_once_whoever_is_killed(kafka: Server, tmp_path: Path) -> None:
    topics, rng = Topics(kafka.address), random.Random(3)
    topics.create("grown.a")
    (tmp_path / "words.py").write_text(APPLICATION.format(address=kafka.address))
    sent = 0

    def produce(topic: str, partition: int) -> int:
        words = [f"w{rng.randrange(30)}".encode() for _ in range(300)]
        topics.produce(topic, [(None, word, partition) for word in words])
        return len(words)

    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(tmp_path / "words.py"), 3)
        cluster.until("running")
        sent += produce("grown.a", 0)
        wait_for("something is counted", lambda: count_lines(tmp_path / "out"))
        topics.grow("grown.a", 3)
        sent += produce("grown.a", 1) + produce("grown.a", 2)
        cluster.strike(rng, most=2)
        topics.create("grown.b", partitions=2)
        sent += produce("grown.b", 0) + produce("grown.b", 1)
        cluster.strike(rng, most=2)
        sent += produce("grown.a", 0) + produce("grown.b", 1)

        def counted() -> int:
            return sum(map(len, count_lines(tmp_path / "out").values()))

        wait_for("all is counted", lambda: counted() >= sent, wait_s=90)
        cluster.until("running")
        cluster.end()
    for word, lines in count_lines(tmp_path / "out").items():
        assert sorted(count for _, count in lines) == list(range(1, len(lines) + 1)), word
    assert counted() == sent
