"""Quix Streams, as its own documentation writes an application, on the mock broker of its client.

It reads from Kafka and from nothing else: also what its sources make goes through a topic. No real
broker is needed, though: librdkafka, with which it comes, has one in memory, in threads of C of
this process. That one keeps topics but cannot create or describe them, so the topic manager says of
each that it is there. Input is produced before the clock starts, outputs are taken in the process
and not sent to a topic. One process, one partition: then a key changes without going through a
topic again. Changelogs are on, as they are if nothing is said: state that is not in one is lost
with its host.
"""

from typing import Any

from quixstreams import State

from bench.contestants.quix_topics import started
from bench.data import counted as counted_of
from bench.functions import (
    Total,
    add,
    change,
    count,
    encode,
    format_count,
    parse,
    split,
    word_itself,
)
from bench.job import Job, Probe

JOB = Job.here()
PROBE = Probe(JOB)


def began(value: Any) -> None:
    PROBE.reads()


def wrote(value: Any) -> None:
    PROBE.wrote([value])


def counted(word: str, state: State) -> tuple[str, int]:
    total = Total(state.get("total", 0))
    result = count(word, total)
    state.set("total", total.value)
    return result


def summed(value: int, key: str, time: int, headers: Any, state: State) -> tuple[str, int]:
    total = Total(state.get("total", 0))
    result = add((key, value), total)
    state.set("total", total.value)
    return result


def steps(workload: str, frame: Any) -> Any:
    if workload == "W1":
        words = frame.apply(split, expand=True).group_by(word_itself, name="word")
        return words.apply(counted, stateful=True).apply(format_count)
    if workload == "W2":
        return frame.apply(summed, stateful=True, metadata=True)
    return frame.apply(parse).apply(change).apply(encode)


def message_of(record: Any) -> tuple[bytes, bytes]:
    """Key and value of a message."""
    if JOB.workload == "W2":
        return record[0].encode(), record[1].to_bytes(4, "big")
    return b"", record.encode() if JOB.workload == "W1" else record


def main() -> None:
    """Fill the topic, then run the application until all is read."""
    broker, app = started(JOB.out)
    kind = {"W1": "str", "W2": "int", "W3": "bytes"}[JOB.workload]
    topic = app.topic("input", key_deserializer="str", value_deserializer=kind)
    records = JOB.input(0)
    for record in records:
        key, value = message_of(record)
        broker.produce("input", value=value, key=key, partition=0)
        broker.poll(0)
    broker.flush(60)
    frame = app.dataframe(topic).update(began)
    steps(JOB.workload, frame).update(wrote)
    app.run(count=counted_of(JOB.workload, len(records), 1), collect=False)


if __name__ == "__main__":
    main()
