"""The example of Kafka, as far as it goes without a server."""

import pytest

from wallarood.examples.servers.kafka_words import app
from wallarood.model.errors import UsageError


def test_it_counts_from_a_topic_into_another() -> None:
    steps = {step.name: step.connector for step in app(["k:9092", "in", "out"]).steps}
    assert steps["lines"].topics == ("in",)
    assert steps["counts"].topic == "out"


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected BROKERS"):
        app([])
