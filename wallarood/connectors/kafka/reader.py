"""An open partition of a Kafka topic."""
# Theory of operation
# ===================
# A position is the offset of the next message and the ID of its topic. Where the server no longer
# has that offset, librdkafka is told to raise (auto.offset.reset=error), never to go elsewhere. The
# ends of transactions have offsets too, and no message: behind the last one the position goes on to
# where the partition ends, else it would seem to be gone when retention has passed it. librdkafka
# mends connections by itself; that a server is away is found out when it is asked for its topic.

from typing import Any, Literal

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch
from wallarood.connectors.kafka.broker import Broker, kafka
from wallarood.connectors.kafka.client import Client, Clients, Kept
from wallarood.connectors.kafka.positions import Place, ends_of, gone
from wallarood.connectors.kafka.records import Reading, read
from wallarood.connectors.kafka.topics import NoTopicError, Partition
from wallarood.model.errors import ApplicationError, ConfigurationError, ServerAwayError

DAMAGED = ("_BAD_MSG", "_BAD_COMPRESSION", "_NOT_IMPLEMENTED")
"""Errors after which librdkafka goes on behind what it could not read."""

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class KafkaReader:
    """See `SourceReader`. It reads by *client*, and leaves it to *clients* when it is closed."""

    clients: Clients
    client: Client
    partition: Partition
    reading: Reading
    place: Place
    batch_records_max: int
    on_gone: Literal["stop", "end"] = "stop"
    """With "end" a topic that is gone is waited for, until listings end the partition."""
    says_where_it_begins: bool = False
    """Whether the first read only tells the position: where to begin may not be asked for twice."""
    caught_up: bool = attrs.field(default=False, init=False)
    _kept: Kept | None = attrs.field(default=None, init=False)
    _errors: list[Any] = attrs.field(factory=list, init=False)
    """Those that came behind messages, for the next read."""
    _ended_at: int = attrs.field(default=-1, init=False)

    @property
    def _broker(self) -> Broker:
        return self.client.broker

    async def begin(self) -> "KafkaReader":
        """Read from the place."""
        self._kept = await self.client.assign(self.partition, self.place.offset)
        return self

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ApplicationError: the position, the topic or a message is gone or unreadable. Raises
        ServerAwayError: the server does not answer; or the topic is gone, and need not be there.
        """
        assert self._kept is not None
        if self.says_where_it_begins:
            self.says_where_it_begins = False
            return SourceBatch([], self.place.position, (), [])
        while True:
            if self.place.end is not None and self.place.offset >= self.place.end:
                return None
            await self._look()
            while self._errors:  # one that is not seen to its end, as the read is cancelled, stays
                await self._take_error(self._errors[0])
                del self._errors[0]
            messages = await self.client.messages(self._kept, self.batch_records_max)
            if messages and (batch := self._batch(messages)) is not None:
                return batch

    async def _look(self) -> None:
        """Raises as `read`: the topic is gone or another one, or the server is away."""
        try:
            await self.client.look(self.partition, self.place.topic)
        except NoTopicError as error:
            self._raise_gone(error)
        if self.client.away:
            raise ServerAwayError(self.client.away)

    def _raise_gone(self, error: NoTopicError) -> None:
        if self.on_gone == "stop":
            raise error
        raise ServerAwayError(error.message) from error

    def _batch(self, messages: list[Any]) -> SourceBatch[Any] | None:
        """What *messages* hold; None: nothing but news of the partition."""
        errors: list[Any] = []
        if [each for each in map(kafka().Message.error, messages) if each is not None]:
            messages = until_damaged(messages)
            errors = [each for each in messages if each.error() is not None]
            messages = [each for each in messages if each.error() is None]
        if messages:
            self.client.trouble.last = None
        self._errors += [each for each in errors if not self._is_end(each)]
        if messages:  # an end may have been told before them
            self.caught_up = self._ended_at > messages[-1].offset()
        before = self.place.offset
        behind = max(before, self._ended_at, *(each.offset() + 1 for each in messages[-1:]))
        if self.place.end is not None and behind > self.place.end:
            messages = [each for each in messages if each.offset() < self.place.end]
        batch = read(messages, self.reading, self.partition)
        self.place.offset = behind
        return attrs.evolve(batch, position=self.place.position) if behind > before else None

    @property
    def lag_records(self) -> int | None:
        """How many offsets there are from the place on, by what the last fetch told."""
        where = kafka().TopicPartition(self.partition.topic, self.partition.number)
        try:
            _, high = self.client.consumer.get_watermark_offsets(where, cached=True)
        except (kafka().KafkaException, RuntimeError):  # nothing was fetched yet, or it is closed
            return None
        return max(0, high - self.place.offset) if high >= 0 else None

    def _is_end(self, message: Any) -> bool:
        """Whether an error only says that the partition has no more; then that is noted."""
        if message.error().name() != "_PARTITION_EOF":
            return False
        self.caught_up = True
        self._ended_at = max(self._ended_at, message.offset())
        return True

    async def _take_error(self, message: Any) -> None:
        """Raises as `read`, if it is worth that."""
        error = message.error()
        try:
            await self.client.look_now(self.partition, self.place.topic)
        except NoTopicError as gone_:
            self._raise_gone(gone_)
        if error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            low, high = await ends_of(self.client, self.partition)
            raise gone(self._broker, self.partition, self.place.offset, low=low, high=high)
        if error.name() in DAMAGED:
            raise ApplicationError(
                f"{self.partition} of {self._broker}: what is stored from about offset "
                f"{max(self.place.offset, message.offset()):,} on cannot be read: {error.str()}\n"
                "Nothing was skipped. Restore it from another replica or a backup, or form a new "
                "cluster"
            )
        found = self._broker.what(error, self.client.trouble)
        if isinstance(found, ConfigurationError):
            raise found
        log.warning("source cannot read", partition=str(self.partition), reason=str(found))
        await trio.sleep(1)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`. The server is not told: positions are in checkpoints."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        with trio.CancelScope(shield=True):
            try:
                if self._kept is not None:
                    await self.client.unassign(self._kept)
            finally:
                await self.clients.leave(self.client, self.partition)


def until_damaged(messages: list[Any]) -> list[Any]:
    """Those up to the news that one is damaged: what comes then must not be read."""
    for place, each in enumerate(messages):
        if (error := each.error()) is not None and error.name() in DAMAGED:
            return messages[: place + 1]
    return messages
