"""The systems by their names: a new one is one more entry."""

from support.systems.http import HTTP
from support.systems.kafka import KAFKA
from support.systems.mqtt import MQTT
from support.systems.nats import NATS
from support.systems.nats_cluster import NATS_CLUSTER
from support.systems.postgres import POSTGRES
from support.systems.redis import REDIS
from support.systems.s3 import S3_PROXY
from support.systems.sqlite import SQLITE
from support.systems.system import Entry

SYSTEMS: dict[str, Entry] = {
    "http": HTTP,
    "kafka": KAFKA,
    "mqtt": MQTT,
    "nats": NATS,
    "nats-cluster": NATS_CLUSTER,
    "postgres": POSTGRES,
    "redis": REDIS,
    "s3": S3_PROXY,
    "sqlite": SQLITE,
}
"""To prove one by hand: ``make kills-systems SYSTEM=redis KILLS=200``."""
