"""Quix Streams on the mock broker of its client, see `quix_app`."""

import logging
from pathlib import Path

from confluent_kafka import Producer
from quixstreams import Application
from quixstreams.models.topics import Topic, TopicAdmin, TopicConfig, TopicManager

KEPT = {"retention.ms": "604800000", "retention.bytes": "-1"}
MOCK = {
    "bootstrap.servers": "mock",
    "test.mock.num.brokers": 1,
    "log_level": 0,
    "linger.ms": 200,  # what is produced together is fetched together
}


class Topics(TopicManager):
    """The mock broker has every topic that it is asked for."""

    def _fetch_topic(self, topic: Topic) -> Topic:
        self._admin.admin_client.list_topics(topic.name, timeout=10)
        topic.broker_config = TopicConfig(num_partitions=1, replication_factor=1, extra_config=KEPT)
        return topic


def started(folder: str) -> tuple[Producer, Application]:
    """A broker in this process, and an application on it whose state is in *folder*."""
    broker = Producer(MOCK)
    [node] = broker.list_topics(timeout=10).brokers.values()
    address = f"{node.host}:{node.port}"
    admin = TopicAdmin(address, logging.getLogger())
    return broker, Application(
        address,
        consumer_group="bench",
        auto_offset_reset="earliest",
        state_dir=Path(folder) / "state",
        topic_manager=Topics(admin, consumer_group="bench"),
        loglevel="WARNING",
    )
