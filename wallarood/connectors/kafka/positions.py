"""Positions in a partition, and what is said where the server no longer has one."""

from typing import Any

import attrs
import trio

from wallarood.connectors.kafka.broker import TRY_S, Broker, kafka
from wallarood.connectors.kafka.client import Client
from wallarood.connectors.kafka.topics import Partition
from wallarood.model.errors import ApplicationError


@attrs.define
class Place:
    """The next offset, the topic's ID, and where to end; None: never."""

    offset: int
    topic: str
    end: int | None = None

    @property
    def position(self) -> dict[str, Any]:
        """As a position of a source."""
        end = {} if self.end is None else {"end": self.end}
        return {"offset": self.offset, "topic": self.topic, **end}


async def ends_of(client: Client, partition: Partition) -> tuple[int, int]:
    """The lowest offset that a partition has, and the one after its last message.

    Raises as `Broker.what` says.
    """
    where = kafka().TopicPartition(partition.topic, partition.number)

    def asked() -> tuple[int, int]:
        low, high = client.consumer.get_watermark_offsets(where, timeout=TRY_S)
        return int(low), int(high)

    try:
        return await trio.to_thread.run_sync(asked)
    except kafka().KafkaException as error:
        raise client.broker.what(error, client.trouble) from error


def gone(
    broker: Broker, partition: Partition, offset: int, *, low: int, high: int
) -> ApplicationError:
    """A position that the server does not have."""
    where = f"{partition} of {broker}"
    if offset < low:
        return ApplicationError(
            f"{where}: offset {offset:,} is gone: the lowest available is {low:,}, so "
            f"{low - offset:,} offsets were deleted before they were read (retention). Nothing was "
            "skipped. Raise the topic's retention.ms, and form a new cluster to read from the "
            "lowest, or put a newer checkpoint back"
        )
    return ApplicationError(
        f"{where}: offset {offset:,} is not there: the topic ends at {high:,}, so it has lost "
        "messages that were read (an unclean election of a leader, or an older backup). Put its "
        "newest data back, or form a new cluster"
    )
