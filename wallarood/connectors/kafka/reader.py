"""An open partition of a Kafka topic."""
# Theory of operation
# ===================
# librdkafka fetches ahead in threads of its own; `consume` without a timeout takes what is there
# and blocks for nothing, so it is called on the event loop. Only when there is nothing a thread
# waits, for one message, and keeps it for whoever reads next: a read that is cancelled loses none.
# A position is the offset of the next message and the ID of its topic. Where the server no longer
# has that offset, librdkafka is told to raise (auto.offset.reset=error), never to go elsewhere. The
# ends of transactions have offsets too, and no message: behind the last one the position goes on to
# where the partition ends, else it would seem to be gone when retention has passed it.

import contextlib
from typing import Any, Literal

import attrs
import structlog
import trio

from wallarood.app.connector import SourceBatch
from wallarood.connectors.kafka.broker import Broker, Trouble, kafka
from wallarood.connectors.kafka.positions import Place, ends_of, gone
from wallarood.connectors.kafka.records import Reading, read
from wallarood.connectors.kafka.topics import NoTopicError, Partition, Topics
from wallarood.model.errors import ConfigurationError, PeersGoneError, ServerAwayError

log = structlog.get_logger(__name__)

WAIT_S = 0.2
"""How long a thread waits for a message before it looks whether it is still wanted."""
CHECK_S = 10.0
"""How often the topic is looked at, whether it is still the same."""


@attrs.define(eq=False)
class KafkaReader:
    """See `SourceReader`."""

    broker: Broker
    partition: Partition
    reading: Reading
    place: Place
    batch_records_max: int
    topics: Topics
    on_gone: Literal["stop", "end"] = "stop"
    """With "end" a topic that is gone is waited for, until listings end the partition."""
    says_where_it_begins: bool = False
    """Whether the first read only tells the position: where to begin may not be asked for twice."""
    caught_up: bool = attrs.field(default=False, init=False)
    trouble: Trouble = attrs.field(factory=Trouble, init=False)
    _consumer: Any = attrs.field(init=False)
    _waited_for: list[Any] = attrs.field(factory=list, init=False)
    _waiting: trio.Event | None = attrs.field(default=None, init=False)
    _checked: float = attrs.field(factory=trio.current_time, init=False)
    _ended_at: int = attrs.field(default=-1, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @_consumer.default
    def _made(self) -> Any:
        return self.broker.consumer(self.trouble, auto_offset_reset="error")

    async def begin(self) -> "KafkaReader":
        """Read from the place."""
        where = kafka().TopicPartition(
            self.partition.topic, self.partition.number, self.place.offset
        )
        await trio.to_thread.run_sync(self._consumer.assign, [where])
        return self

    async def read(self) -> SourceBatch[Any] | None:
        """See `SourceReader.read`.

        Raises ApplicationError: the position, the topic or a message is gone or unreadable. Raises
        ServerAwayError: the topic is gone, and need not be there.
        """
        if self.says_where_it_begins:
            self.says_where_it_begins = False
            return SourceBatch([], self.place.position, (), [])
        while True:
            if self.place.end is not None and self.place.offset >= self.place.end:
                return None
            if trio.current_time() > self._checked + CHECK_S:
                await self._check_topic()
            if self._waiting is not None:
                await self._waiting.wait()
            messages, self._waited_for = self._waited_for, []
            messages += self._consumer.consume(self.batch_records_max - len(messages), 0)
            if not messages:
                await self._wait()
                continue
            if (batch := await self._batch(messages)) is not None:
                return batch

    async def _wait(self) -> None:
        """Wait for a message, or a short time, in a thread that may outlive a cancelled read."""
        arrived = self._waiting = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wait() -> None:
            try:
                message = None if self._closed else self._consumer.poll(WAIT_S)
                if message is not None:
                    self._waited_for.append(message)
            finally:
                with contextlib.suppress(trio.RunFinishedError):
                    token.run_sync_soon(done)

        def done() -> None:
            self._waiting = None
            arrived.set()

        await trio.to_thread.run_sync(wait, abandon_on_cancel=True)
        await arrived.wait()

    async def _batch(self, messages: list[Any]) -> SourceBatch[Any] | None:
        """What *messages* hold; None: nothing but news of the partition."""
        errors = [each for each in messages if each.error() is not None]
        if errors:
            messages = [each for each in messages if each.error() is None]
        if messages:
            self.caught_up, self.trouble.last = False, None
        others = [each for each in errors if not self._is_end(each)]
        if messages:
            self._waited_for += others  # for the next read: this one must not wait any more
        for each in () if messages else others:
            await self._take_error(each)
        before = self.place.offset
        behind = max(before, self._ended_at, *(each.offset() + 1 for each in messages[-1:]))
        if self.place.end is not None:
            messages = [each for each in messages if each.offset() < self.place.end]
        batch = read(messages, self.reading, self.partition)
        self.place.offset = behind
        return attrs.evolve(batch, position=self.place.position) if behind > before else None

    def _is_end(self, message: Any) -> bool:
        """Whether an error only says that the partition has no more; then that is noted."""
        if message.error().name() != "_PARTITION_EOF":
            return False
        self.caught_up = True
        self._ended_at = max(self._ended_at, message.offset())
        return True

    async def _take_error(self, message: Any) -> None:
        error = message.error()
        match error.name():
            case "_AUTO_OFFSET_RESET" | "OFFSET_OUT_OF_RANGE":
                await self._say_gone()
            case _:
                self._checked = trio.current_time()
                await self._check_topic()
                found = self.broker.what(error, self.trouble)
                if isinstance(found, ConfigurationError):
                    raise found
                log.warning("source cannot read", partition=str(self.partition), reason=str(found))
                await trio.sleep(1)

    async def _check_topic(self) -> None:
        """Raises as `read`: the topic is gone, or another one of the same name is there."""
        self._checked = trio.current_time()
        try:
            await trio.to_thread.run_sync(
                self.topics.check_same, self.partition, self.place.topic, abandon_on_cancel=True
            )
        except PeersGoneError:  # no answer: then nothing is read either
            pass
        except NoTopicError as error:
            if self.on_gone == "stop":
                raise
            raise ServerAwayError(error.message) from error

    async def _say_gone(self) -> None:
        await self._check_topic()
        low, high = await ends_of(self._consumer, self.partition, self.broker)
        raise gone(self.broker, self.partition, self.place.offset, low=low, high=high)

    async def committed(self, position: Any) -> None:
        """See `SourceReader.committed`. The server is not told: positions are in checkpoints."""

    async def aclose(self) -> None:
        """See `SourceReader.aclose`."""
        self._closed = True
        if self._waiting is not None:
            await self._waiting.wait()
        await trio.to_thread.run_sync(self._consumer.close)
