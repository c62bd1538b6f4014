"""Topics: which partitions they have, whether they are still the same, where they begin and end."""

import re
import time
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import structlog

from wallarood.connectors.extra import imported
from wallarood.connectors.kafka.broker import TRY_S, Broker, Trouble, kafka
from wallarood.model.errors import (
    ApplicationError,
    ConfigurationError,
    PeersGoneError,
    WallaroodError,
)

log = structlog.get_logger(__name__)

AGAIN_S = 0.1
LIST_WAIT_S = 60.0
"""How long a server that is away is waited for when partitions are listed."""
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""The topic ID of a server that knows none (before 2.8)."""


@attrs.frozen
class Partition:
    """A partition of a topic. Its name in wallarood is TOPIC/NUMBER."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"

    @classmethod
    def of(cls, name: str) -> "Partition":
        """From its name."""
        topic, _, number = name.rpartition("/")
        return cls(topic, int(number))


class NoTopicError(ApplicationError):
    """There is no topic of that name."""


@attrs.define(eq=False)
class Topics:
    """Asks a server about topics; all methods block, and raise as `Broker.what` says."""

    broker: Broker
    trouble: Trouble = attrs.field(factory=Trouble, init=False)
    _admin: Any = attrs.field(default=None, init=False)

    @property
    def admin(self) -> Any:
        """A client that asks and creates."""
        if self._admin is None:
            settings = self.broker.client_settings(self.trouble)
            self._admin = self.broker.made(self._module.AdminClient, settings)
        return self._admin

    @property
    def _module(self) -> Any:
        return imported("confluent_kafka.admin", extra="kafka", owner="Kafka")

    def close(self) -> None:
        """Free the client, which waits for its threads to end."""
        self._admin = None

    def listed(
        self, wanted: Sequence[str], *, missing: Literal["stop", "end"] = "stop"
    ) -> list[Partition]:
        """The partitions of topics, of which a name that begins with ^ is a regular expression.

        Raises ConfigurationError: there is no such topic; those that are *missing* may be left out.
        """
        try:
            found = self.admin.list_topics(timeout=TRY_S).topics
        except kafka().KafkaException as error:
            self.admin.poll(0)
            raise self.broker.what(error, self.trouble) from error
        names: dict[str, None] = {}
        for each in wanted:
            matching = [each] if each in found else []
            if each.startswith("^"):
                matching = sorted(name for name in found if re.match(each, name))
            if not matching and missing == "end":
                log.warning("a topic is not there", server=str(self.broker), topic=each)
            elif not matching:
                raise self._missing(each)
            names.update(dict.fromkeys(matching))
        return [
            Partition(name, number) for name in names for number in sorted(self._of(found, name))
        ]

    def _missing(self, topic: str) -> WallaroodError:
        """Why a topic is not listed: there is none, or the user may not see it."""
        if not topic.startswith("^"):
            try:
                self.id_of(topic)
            except WallaroodError as error:
                if isinstance(error, ConfigurationError):
                    return error
        return ConfigurationError(
            f"{self.broker} has no topic {topic!r}: create it, or correct its name"
        )

    def _of(self, found: Any, name: str) -> Any:
        if (error := found[name].error) is not None:
            raise self.broker.what(error, self.trouble)
        return found[name].partitions

    def once(self, wanted: Sequence[str], **options: Any) -> list[Partition]:
        """As `listed`, and `close` whatever comes of it."""
        try:
            return self.listed(wanted, **options)
        finally:
            self.close()

    def listed_when_there(self, wanted: Sequence[str]) -> list[Partition]:
        """The same; a server that is away is waited for.

        Raises PeersGoneError: it has not come within `LIST_WAIT_S`.
        """
        until, told = time.monotonic() + LIST_WAIT_S, False
        while True:
            try:
                return self.listed(wanted)
            except PeersGoneError as error:
                if time.monotonic() > until:
                    raise
                if not told:
                    log.warning("waiting for a server", server=str(self.broker), reason=str(error))
                    told = True
                time.sleep(0.5)

    def id_of(self, topic: str) -> str:
        """The ID of a topic, by which one that was made anew is found out; empty if it has none.

        Raises NoTopicError.
        """
        client = kafka()
        asked = self.admin.describe_topics(client.TopicCollection([topic]), request_timeout=TRY_S)
        try:
            found = str(self._waited(asked[topic]).topic_id)
        except client.KafkaException as error:
            self.admin.poll(0)
            if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                raise NoTopicError(
                    f"{self.broker} has no topic {topic!r}: it was deleted, or its name is wrong"
                ) from None
            raise self.broker.what(error, self.trouble) from error
        return "" if found == NO_ID else found

    def check_same(self, partition: Partition, known: str) -> None:
        """Raises ApplicationError: the topic is not the one that was read until now, or gone."""
        found = self.id_of(partition.topic)
        if known and found and found != known:
            raise ApplicationError(
                f"topic {partition.topic!r} of {self.broker} was deleted and made anew (its ID is "
                f"{found}, that of the topic read until now was {known}): positions in the old one "
                "mean nothing in the new one. Form a new cluster to read it from its beginning"
            )

    def end_of(self, topic: str, partition: int) -> int:
        """The offset after the last message, those of open transactions included."""
        client = kafka()
        where = client.TopicPartition(topic, partition)
        (found,) = self.admin.list_offsets(
            {where: self._module.OffsetSpec.latest()},
            isolation_level=client.IsolationLevel.READ_UNCOMMITTED,
            request_timeout=TRY_S,
        ).values()
        return int(self._result(found).offset)

    def make_if_missing(self, topic: str, config: dict[str, str]) -> None:
        """Make a topic of one partition, with as many replicas as the server makes by itself."""
        if self._is_listed(topic):
            return
        new = self._module.NewTopic(topic, num_partitions=1, replication_factor=-1, config=config)
        (made,) = self.admin.create_topics([new], request_timeout=TRY_S).values()
        try:
            self._waited(made)
        except kafka().KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise self.broker.what(error, self.trouble) from error
        until = time.monotonic() + TRY_S  # a busy broker hears of it some time later
        while not self._is_listed(topic) and time.monotonic() < until:
            time.sleep(AGAIN_S)

    def _is_listed(self, topic: str) -> bool:
        try:
            return topic in self.admin.list_topics(timeout=TRY_S).topics
        except kafka().KafkaException as error:
            raise self.broker.what(error, self.trouble) from error

    def check_compacted(self, topic: str) -> None:
        """Raises ConfigurationError: a topic would forget the last message of a key."""
        resource = self._module.ConfigResource(self._module.ConfigResource.Type.TOPIC, topic)
        (asked,) = self.admin.describe_configs([resource], request_timeout=TRY_S).values()
        policy = self._result(asked)["cleanup.policy"].value
        if policy != "compact":
            raise ConfigurationError(
                f"{self.broker}: topic {topic!r} has cleanup.policy={policy}: expected compact, so "
                "that it keeps the last marker of each writer. Set it (kafka-configs), or name "
                "another marker_topic="
            )

    def _result(self, asked: Any) -> Any:
        try:
            return self._waited(asked)
        except kafka().KafkaException as error:
            self.admin.poll(0)
            raise self.broker.what(error, self.trouble) from error

    def _waited(self, asked: Any) -> Any:
        try:
            return asked.result(TRY_S + 1)
        except TimeoutError:
            raise PeersGoneError(f"{self.broker} does not answer") from None
