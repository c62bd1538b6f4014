"""Quix Streams in T1: its tumbling windows, run as in `quix_app` on the mock broker of its client.

A window closes by a later record of its partition, so a last record follows that closes them all.
It ends the run by itself: the count that Quix can be given is one of results, and few records have
any.
"""

import json
from typing import Any

from bench.contestants.quix_topics import started
from bench.job import Job, Probe
from bench.timedata import OUT_OF_ORDER_S, SECOND, WINDOW_S

JOB = Job.here()
PROBE = Probe(JOB)
LAST = "last"


def wrote(result: dict[str, int], key: bytes, time: int, headers: Any) -> None:
    # Windows that another key closes come with their key as the state store has it, in JSON.
    PROBE.wrote([(json.loads(key), result["value"])])


def main() -> None:
    """Fill the topic, then run the application until all is read."""
    broker, app = started(JOB.out)
    topic = app.topic("input", key_deserializer="str", value_deserializer="int")
    [[records]] = JOB.sides()
    end = max(stamp for _, _, stamp in records) + 3600 * SECOND
    for key, number, stamp in [*records, (LAST, 0, end)]:
        value = number.to_bytes(4, "big")
        broker.produce("input", value=value, key=key, partition=0, timestamp=stamp // 1000)
        broker.poll(0)
    broker.flush(60)

    def began(value: Any, key: str, time: int, headers: Any) -> None:
        PROBE.reads()
        if key == LAST:
            app.stop()  # once this one has been processed

    frame = app.dataframe(topic).update(began, metadata=True)
    windows = frame.tumbling_window(WINDOW_S * 1000, grace_ms=OUT_OF_ORDER_S * 1000).sum()
    windows.final(closing_strategy="partition").update(wrote, metadata=True)
    app.run()


if __name__ == "__main__":
    main()
