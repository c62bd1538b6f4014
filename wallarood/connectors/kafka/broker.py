"""What source and sink have in common: the settings of the client, and what its errors mean."""
# Theory of operation
# ===================
# librdkafka mends connections by itself and for ever, also where that cannot help: with a wrong
# password or certificate. It tells why by a callback, here kept as the *last trouble*, and an
# operation merely times out. So whoever has waited in vain asks for the last trouble: some kinds of
# it are for the operator to mend, all others are waited for.

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import structlog

from wallarood.connectors.extra import imported
from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ApplicationError, ConfigurationError, PeersGoneError

log = structlog.get_logger(__name__)

TRY_S = 5.0
"""How long one request may take before it is tried again."""

_QUIET = logging.getLogger("wallarood.kafka")
"""Where librdkafka logs, which is nowhere: what matters comes as an error or as trouble."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False

OPERATORS = {
    "_AUTHENTICATION": "wrong user or password: check sasl.username and sasl.password",
    "SASL_AUTHENTICATION_FAILED": "wrong user or password: check sasl.username and sasl.password",
    "_SSL": "TLS failed: check ssl.ca.location, ssl.certificate.location and their dates",
    "TOPIC_AUTHORIZATION_FAILED": "the user may not use the topic: give it the right (kafka-acls)",
    "GROUP_AUTHORIZATION_FAILED": "the user may not use the group: give it the right (kafka-acls)",
    "CLUSTER_AUTHORIZATION_FAILED": "the user lacks a right on the cluster (kafka-acls)",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "the user may not use the transactional ID: give it "
    "the right (kafka-acls)",
    "UNSUPPORTED_SASL_MECHANISM": "the server does not take sasl.mechanism: use one that it has",
    "_UNSUPPORTED_FEATURE": "the server is too old for this",
}
"""Errors that time does not mend, by their names in librdkafka, and what to do."""

OURS = (
    "bootstrap.servers", "group.id", "enable.auto.commit", "auto.offset.reset",
    "enable.idempotence", "transactional.id", "isolation.level", "enable.partition.eof",
    "error_cb", "logger",
)  # fmt: skip
"""Settings that belong to the connector."""


def kafka() -> Any:
    """The module confluent_kafka. Raises ApplicationError: it is not installed."""
    return imported("confluent_kafka", extra="kafka", owner="Kafka")


@attrs.frozen
class Broker:
    """A cluster of Kafka: `servers` is HOST:PORT of some of its brokers, with commas between.

    `settings` are those of librdkafka; `secrets` are others whose values stand in files.
    """

    servers: str
    settings: Mapping[str, str | int | float | bool] = attrs.field(factory=dict, repr=False)
    secrets: Mapping[str, str] = attrs.field(factory=dict)

    def __str__(self) -> str:
        return f"Kafka at {self.servers}"

    def check(self, owner: str) -> None:
        """Raises ApplicationError: a setting is not for the application to make."""
        if not self.servers or not isinstance(self.servers, str):
            raise ApplicationError(f'{owner}: expected "HOST:PORT", found {self.servers!r}')
        for name in (*self.settings, *self.secrets):
            if name in OURS:
                raise ApplicationError(
                    f"{owner}: setting {name!r} is made by the connector: leave it out"
                )

    def client_settings(self, trouble: "Trouble", **ours: Any) -> dict[str, Any]:
        """What a client is made with; of *ours* an underscore stands for a dot.

        Raises ConfigurationError: the file of a secret cannot be read.
        """
        secrets = {name: secret_of(file, f"{self}: {name}") for name, file in self.secrets.items()}
        return {
            "log_level": 0,
            "logger": _QUIET,
            **self.settings,
            **secrets,
            "bootstrap.servers": self.servers,
            "error_cb": trouble.note,
            **{name.replace("_", "."): value for name, value in ours.items()},
        }

    def consumer(self, trouble: "Trouble", **ours: Any) -> Any:
        """A client that reads what is committed, and says where a partition ends."""
        settings = self.client_settings(
            trouble,
            group_id="wallarood",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            enable_partition_eof=True,
            isolation_level="read_committed",
            **ours,
        )
        settings.setdefault("queued.max.messages.kbytes", 16_384)
        settings.setdefault("check.crcs", True)
        settings.setdefault("fetch.wait.max.ms", 100)
        settings.setdefault("topic.metadata.refresh.interval.ms", 30_000)
        return self.made(kafka().Consumer, settings)

    def made(self, make: Callable[[dict[str, Any]], Any], settings: dict[str, Any]) -> Any:
        """A client. Raises ConfigurationError: librdkafka does not take a setting."""
        try:
            return make(settings)
        except kafka().KafkaException as error:
            raise ConfigurationError(f"{self}: {error.args[0].str()}") from None

    def what(self, error: Any, trouble: "Trouble") -> ConfigurationError | PeersGoneError:
        """The error for a person, of a KafkaException or KafkaError and the last trouble."""
        found = error.args[0] if isinstance(error, BaseException) else error
        for each in (found, trouble.last):
            if each is not None and (advice := OPERATORS.get(each.name())):
                return ConfigurationError(f"{self}: {sentence_of(each.str())}: {advice}")
        last = trouble.last
        reason = last.str() if last is not None and found.name() in _VAGUE else found.str()
        return PeersGoneError(f"{self} does not answer: {sentence_of(reason)}")


_PASSING = re.compile(r"^\w+://\S+: | ?\(after [^)]*\)")
"""What librdkafka adds: which connection it was, for how long, and how often before."""


def sentence_of(said: str) -> str:
    """What librdkafka has *said*, without what differs each time."""
    return _PASSING.sub("", said)


_VAGUE = ("_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN", "_WAIT_COORD")


@attrs.define
class Trouble:
    """The last that a client has said of its connections; None if all is well, or unknown."""

    last: Any = None

    def note(self, error: Any) -> None:
        """What librdkafka calls."""
        if error.name() != "_ALL_BROKERS_DOWN" or self.last is None:
            self.last = error
