"""Sums by key from a topic into another: Quix Streams, exactly once. Arguments: as ours.

Messages have their keys already, so that none needs to go through a topic again.
"""

import sys
import tempfile
from typing import Any

from quixstreams import Application, State


def add(value: list[Any], state: State) -> list[Any]:
    """The key and its sum by now."""
    total = state.get("total", 0) + value[1]
    state.set("total", total)
    return [value[0], total]


def main() -> None:
    """Read as many messages as there are."""
    brokers, topic, out, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as state:
        app = Application(
            broker_address=brokers,
            consumer_group=out,
            auto_offset_reset="earliest",
            processing_guarantee="exactly-once",
            state_dir=state,
            loglevel="ERROR",
        )
        lines = app.topic(topic, value_deserializer="json", key_deserializer="str")
        sums = app.topic(out, value_serializer="json", key_serializer="str")
        frame = app.dataframe(lines).apply(add, stateful=True).to_topic(sums)
        app.run(frame, count=int(count), collect=False)


if __name__ == "__main__":
    main()
