"""The Kafka target: how long a server is waited for (all else is in tests/servers)."""

from collections.abc import Iterator

import attrs
import pytest

from wallarood.connectors.kafka.target import all_taken


@attrs.define
class Producer:
    """A producer with messages, as confluent_kafka has it: what is left after each wait."""

    left: Iterator[int]
    now: int = 10
    waits: int = 0

    def __len__(self) -> int:
        return self.now

    def flush(self, within_s: float) -> int:
        assert within_s > 1
        self.waits += 1
        self.now = next(self.left)
        return self.now


@pytest.mark.parametrize(
    ("left", "waits", "taken"),
    [([0], 1, True), ([9, 5, 1, 0], 4, True), ([10], 1, False), ([4, 4], 2, False)],
)
def test_a_slow_server_is_waited_for_while_it_takes_some(
    left: list[int], waits: int, taken: bool
) -> None:
    producer = Producer(iter(left))
    assert all_taken(producer) is taken
    assert producer.waits == waits
