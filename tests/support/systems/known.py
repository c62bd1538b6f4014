"""The systems by their names: a new one is one more entry."""

from support.systems.kafka import KAFKA
from support.systems.nats import NATS
from support.systems.postgres import POSTGRES
from support.systems.redis import REDIS
from support.systems.sqlite import SQLITE
from support.systems.system import Entry

SYSTEMS: dict[str, Entry] = {
    "kafka": KAFKA,
    "nats": NATS,
    "postgres": POSTGRES,
    "redis": REDIS,
    "sqlite": SQLITE,
}
"""To prove one by hand: ``make kills-systems SYSTEM=redis KILLS=200``."""
