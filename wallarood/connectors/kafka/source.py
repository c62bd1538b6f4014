"""A source that reads topics of Apache Kafka."""
# Theory of operation
# ===================
# Every partition of the topics is a partition of the source; those that one worker reads share a
# client. Positions are in the checkpoints alone: no group of the broker decides who reads what, and
# no offsets are committed there, since those expire. Partitions, and topics that match, are looked
# for while the source runs; one that has appeared is read from its beginning.

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

import attrs
import trio
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.kafka.broker import Broker
from wallarood.connectors.kafka.client import Clients
from wallarood.connectors.kafka.message import KafkaMessage
from wallarood.connectors.kafka.positions import Place, ends_of, gone
from wallarood.connectors.kafka.reader import KafkaReader
from wallarood.connectors.kafka.records import Reading
from wallarood.connectors.kafka.topics import NoTopicError, Partition, Topics
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.model.errors import ApplicationError, PeersGoneError, ServerAwayError
from wallarood.model.pipeline import ErrorPolicy

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)
Start = Literal["earliest", "latest"]
Gone = Literal["stop", "end"]
OPEN_S, AGAIN_S = 2.0, 0.1
"""For so long a partition is tried again that has no leader yet, as in a new topic."""


@attrs.frozen(init=False)
class KafkaSource(Generic[T_co]):
    """The messages of topics of Apache Kafka; each partition is read independently, in order.

    *servers* is HOST:PORT of brokers, with commas between. A topic that begins with ``^`` is a
    regular expression. Needs ``pip install 'wallarood[kafka]'``.

    Records are the values: `format` is "bytes" (default), "text" (UTF-8), "json" or "msgpack" (of
    type `record` if given). With ``messages=True`` they are `KafkaMessage`: value, key, headers,
    time, topic, partition and offset; only so tombstones can be read. `on_error` is what becomes of
    a value that cannot be read: "stop" (default), "skip", or `dead_letter(sink)`.

    Partitions that are added, and topics that a regular expression matches, are found within
    *discover_s* seconds (default 60) and read from their beginning, without a restart. One that is
    gone, its topic deleted, stops the job; with ``on_gone="end"`` it has ended when two listings
    lack it, until then it is waited for, and a topic that is not there is only a warning.

    `start` is where a new cluster begins: "earliest" (default) or "latest". ``follow=False`` reads
    what is there when the partition is first opened, then ends; transactions that are open then are
    waited for. Messages of transactions count when these are committed. ``time=w.event_time()``
    stamps records by the time of the message.

    `settings` are those of librdkafka, such as ``{"security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "app"}``; `secrets` the same with the names
    of files that hold the values: ``{"sasl.password": "/run/credentials/kafka-password"}``.

    Guarantee: exactly once. Positions are in the checkpoint, nothing is kept at the server. If the
    server no longer has a position, or the topic was made anew, the source stops and says so.

    >>> import wallarood as w
    >>> words = w.source("words", w.KafkaSource("localhost:9092", "words", format="text"))
    """

    broker: Broker
    topics: tuple[str, ...]
    format: ValueFormat
    value: Any
    messages: bool
    start: Start
    follow: bool
    on_error: OnError
    discover_s: float
    on_gone: Gone
    scope: Scope = Scope.SHARED
    stamped: bool = True
    _clients: Clients = attrs.field(init=False, eq=False, repr=False)

    @_clients.default
    def _shared(self) -> Clients:
        return Clients(self.broker)

    def __init__(
        self,
        servers: str,
        *topics: str,
        format: ValueFormat = "bytes",
        record: Any = None,
        messages: bool = False,
        start: Start = "earliest",
        follow: bool = True,
        on_error: OnError = "stop",
        discover_s: float = 60.0,
        on_gone: Gone = "stop",
        settings: Mapping[str, str | int | float | bool] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        broker = Broker(servers, dict(settings or {}), dict(secrets or {}))
        broker.check("KafkaSource")
        if not topics or not all(isinstance(each, str) and each for each in topics):
            raise ApplicationError("KafkaSource: expected at least one topic")
        if start not in ("earliest", "latest"):
            raise ApplicationError(f"KafkaSource: start={start!r}: expected 'earliest' or 'latest'")
        if not discover_s > 0 or on_gone not in ("stop", "end"):
            raise ApplicationError(
                f"KafkaSource: discover_s={discover_s!r}, on_gone={on_gone!r}: expected seconds, "
                "and 'stop' or 'end'"
            )
        policy_of(on_error)
        value = record_of("KafkaSource", format, record)
        self.__attrs_init__(
            broker, topics, format, value, messages, start, follow, on_error, discover_s, on_gone
        )

    @property
    def record(self) -> Any:
        """The type of the records."""
        message: Any = KafkaMessage
        return message[self.value] if self.messages else self.value

    @property
    def bounded(self) -> bool:
        """Whether the topics are only read to where they end now."""
        return not self.follow

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`. Waits for a server that is away.

        Raises ApplicationError: there is no such topic. Raises ConfigurationError: the server does
        not take the user, or a right is missing. Raises PeersGoneError: it has not come.
        """
        topics = Topics(self.broker)
        try:
            return tuple(map(str, topics.listed_when_there(self.topics)))
        finally:
            topics.close()

    async def discover(self) -> Sequence[str]:
        """See `Discovering.discover`.

        Raises ServerAwayError, and otherwise what `partitions` raises.
        """
        try:
            found = await trio.to_thread.run_sync(
                lambda: Topics(self.broker).once(self.topics, missing=self.on_gone)
            )
        except PeersGoneError as error:
            raise ServerAwayError(error.message) from error
        return list(map(str, found))

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server or a topic cannot be used. Changes nothing there."""
        await trio.to_thread.run_sync(Topics(self.broker).once, self.topics)

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is an offset and the ID of the topic.

        Raises ApplicationError: the server does not have the position, or the topic was made anew
        or is gone. Raises ServerAwayError: the server is away; or the topic is gone, and need not
        be there.
        """
        until = trio.current_time() + OPEN_S
        while True:
            try:
                return await self._opened(Partition.of(partition), position, context)
            except PeersGoneError as error:
                if trio.current_time() > until:
                    raise ServerAwayError(error.message) from error
            except NoTopicError as error:
                if self.on_gone == "stop":
                    raise
                raise ServerAwayError(error.message) from error
            await trio.sleep(AGAIN_S)

    async def _opened(
        self, partition: Partition, position: Any, context: SourceContext
    ) -> KafkaReader:
        reading = Reading(
            str(self.broker),
            decoder_of(self.format, self.value),
            self.messages,
            policy_of(self.on_error) is ErrorPolicy.STOP,
            context.stamps,
        )
        records_max = context.limits.batch_records_max
        place = Place((position or {}).get("offset", 0), "", (position or {}).get("end"))
        client = await self._clients.join(partition)
        reader = KafkaReader(
            self._clients, client, partition, reading, place, records_max, self.on_gone
        )
        try:
            known = (position or {}).get("topic", "")
            place.topic = await trio.to_thread.run_sync(client.topics.id_of, partition.topic)
            if known and place.topic != known:
                await trio.to_thread.run_sync(client.topics.check_same, partition, known)
            low, high = await ends_of(client, partition)
            client.away = ""
            if position is None:
                from_low = self.start == "earliest" or context.appeared
                place.offset = low if from_low else high
                if not self.follow:  # beyond *high* there may be what a transaction commits now
                    place.end = await trio.to_thread.run_sync(
                        client.topics.end_of, partition.topic, partition.number
                    )
                reader.says_where_it_begins = True
            elif not low <= place.offset <= high:
                raise gone(self.broker, partition, place.offset, low=low, high=high)
            return await reader.begin()
        except BaseException:
            await reader.aclose()
            raise
