"""Kafka in, keyed state, Kafka out, on three workers that are killed, as is the broker."""

import json
import random
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from support.harness import Hosts, hosts_in, wait_for
from support.killer import Killer
from support.servers.process import Server
from support.servers.topics import Topics

pytestmark = pytest.mark.xdist_group("kafka")

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

app = w.application(
    "words",
    w.source("in", w.KafkaSource("{address}", "{topic}", format="text"))
    .key_by(lambda word: word, name="by-word")
    .to(seen)
    .to_sink(w.KafkaSink("{address}", "{topic}-counts", key=lambda pair: pair[0]), name="out"),
)
"""
PARTITIONS = 4


def words_of(partition: int, count: int) -> list[str]:
    """What is produced to a partition: its own words, so that each key comes in order."""
    rng = random.Random(partition)
    return [f"p{partition}w{rng.randrange(40)}" for _ in range(count)]


def cluster_on(hosts: Hosts, address: str, topic: str) -> Killer:
    """Three workers that count the words of a topic."""
    file = hosts.directory / "words.py"
    file.write_text(APPLICATION.format(address=address, topic=topic))
    topics = Topics(address)
    topics.create(topic, partitions=PARTITIONS)
    topics.create(f"{topic}-counts", partitions=3)
    return Killer(hosts, str(file), 3)


def committed(topics: Topics, topic: str) -> int:
    """How many messages a reader of committed ones sees."""
    return len(topics.read(topic))


def check_counts(topics: Topics, topic: str, sent: list[str]) -> None:
    """Each word is counted 1, 2, 3, … in one partition, as often as it was sent."""
    found: dict[str, list[int]] = {}
    places: dict[str, set[int]] = {}
    for partition, key, value in topics.read(f"{topic}-counts"):
        assert value is not None
        word, count = json.loads(value)
        assert key == word.encode()
        found.setdefault(word, []).append(count)
        places.setdefault(word, set()).add(partition)
    expected = {word: list(range(1, count + 1)) for word, count in Counter(sent).items()}
    wrong = {word for word in expected | found if expected.get(word) != found.get(word)}
    assert not wrong, (
        f"{[(word, expected.get(word), found.get(word)) for word in sorted(wrong)[:3]]}"
    )
    assert all(len(each) == 1 for each in places.values())


def strike_until(kills: int, server_kills: int, broker: Server, directory: Path) -> Counter[str]:
    """Kill workers and the broker while words are produced; check what came out."""
    topic, rng, each = f"in{kills}", random.Random(kills), 60 * kills
    sent = [words_of(partition, each) for partition in range(PARTITIONS)]
    with hosts_in(directory) as hosts:
        cluster = cluster_on(hosts, broker.address, topic)
        topics = Topics(broker.address)
        cluster.until("running")
        go_on = threading.Semaphore(0)

        def produce() -> None:
            for start in range(0, each, 60):
                go_on.acquire()
                messages = [
                    (None, word.encode(), partition)
                    for partition in range(PARTITIONS)
                    for word in sent[partition][start : start + 60]
                ]
                topics.produce(topic, messages)

        producer = threading.Thread(target=produce, daemon=True)
        producer.start()
        for number in range(kills):
            go_on.release()
            cluster.strike(rng, most=2)
            if server_kills and number % (kills // server_kills) == 0:
                broker.restart_killed()
        for _ in range(each):
            go_on.release()
        producer.join(120)
        assert not producer.is_alive()
        wait_for(
            "all is counted",
            lambda: committed(topics, f"{topic}-counts") >= PARTITIONS * each,
            wait_s=120,
        )
        cluster.until("running")
        check_counts(topics, topic, [word for words in sent for word in words])
        cluster.end()
        check_counts(topics, topic, [word for words in sent for word in words])
    return cluster.kills


def test_words_from_kafka_are_counted_in_kafka_exactly_once(kafka: Server, tmp_path: Path) -> None:
    strike_until(6, 2, kafka, tmp_path)


def main() -> None:
    """``python -m servers.test_kafka_words KILLS SERVER-KILLS``, run in tests/."""
    import tempfile  # noqa: PLC0415

    from support.servers import kafka as kafkas  # noqa: PLC0415
    from support.servers.process import serving  # noqa: PLC0415

    kills, server_kills = int(sys.argv[1]), int(sys.argv[2])
    with serving(kafkas.broker) as broker, tempfile.TemporaryDirectory() as directory:
        done = strike_until(kills, server_kills, broker, Path(directory))
    print(f"each word counted once; {done.total()} kills of workers, {server_kills} of the broker")


if __name__ == "__main__":
    main()
