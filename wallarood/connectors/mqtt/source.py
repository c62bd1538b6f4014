"""A source of messages of MQTT."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload
from uuid import uuid4

import attrs
import typing_extensions

from wallarood.app.connector import Scope, SourceContext, SourceReader
from wallarood.app.functions.declared import OnError
from wallarood.app.functions.declaring import policy_of
from wallarood.connectors.journal.files import check_journals
from wallarood.connectors.journal.intake import open_intake
from wallarood.connectors.journal.left import check_journal_at, directory_of
from wallarood.connectors.live.form import ValueForm
from wallarood.connectors.mqtt.broker import Broker
from wallarood.connectors.mqtt.following import Subscription, Topics
from wallarood.connectors.mqtt.message import MqttMessage
from wallarood.connectors.mqtt.session import Wanted, session
from wallarood.connectors.values import ValueFormat, decoder_of, record_of
from wallarood.model.errors import ApplicationError

JOURNAL_BYTES_MAX = 256 << 20
EXPIRY_S = 7 * 24 * 3600
NAMES_MAX = 10_000
"""How many names of messages are remembered."""
NAME = "MqttSource"

T = TypeVar("T")
T_co = typing_extensions.TypeVar("T_co", covariant=True, default=Any)


class MqttOptions(TypedDict, total=False):
    """What an `MqttSource` may be told besides what its records are."""

    clients: int
    share: str | None
    retained: Literal["read", "ignore"]
    expiry_s: int
    id_property: str | None
    password_file: str | None
    ca_file: str | None
    on_error: OnError
    journal_bytes_max: int


@attrs.frozen(init=False)
class MqttSource(Generic[T_co]):
    """The messages of topics of a broker that speaks MQTT 5, each acknowledged when it is durable.

    *url* is ``mqtt://USER@HOST:PORT``, with TLS ``mqtts://…``, verified by *ca_file* or the
    system's authorities; the password stands in *password_file*. *topics* may have the wildcards
    ``+`` and ``#``. *client_id* names the session that the broker keeps for this source, for up to
    *expiry_s* (default a week) while it is away: no other client may use it. Needs ``pip install
    'wallarood[mqtt]'``.

    Records are the payloads, in `format` "json" (default), "text", "bytes" or "msgpack", of type
    `record`; with ``messages=True`` they are `MqttMessage`, with topic and user properties. With
    *clients* of more than 1 the workers share a subscription (called *share*, default the
    client_id): each message goes to one of so many clients, in no order between them. *retained*
    messages are read once ("read", default), or not ("ignore"). `on_error` is what becomes of a
    payload that cannot be read: "stop" (default), "skip" or `dead_letter(sink)`. ``w.event_time()``
    stamps records by when they came.

    Guarantee: at least once for messages of QoS 1 (and 2), from the first connection on: a message
    is acknowledged when the journal has it, and counted once from there on; one whose
    acknowledgement is lost with a connection comes again. With *id_property* messages have names,
    in this user property, and of the last 10,000 names each is counted once: exactly once, if each
    message has its own, as those of `MqttSink` have in "message-id". Messages of QoS 0 may be lost.

    >>> import wallarood as w
    >>> meters = w.source(
    ...     "meters", w.MqttSource("mqtt://localhost", "meters/+/power", client_id="power")
    ... )
    """

    broker: Broker
    topics: tuple[str, ...]
    client_id: str
    format: ValueFormat
    value: Any
    messages: bool
    clients: int
    share: str | None
    retained: bool
    expiry_s: int
    id_property: str | None
    on_error: OnError
    journal_bytes_max: int
    scope: Scope = Scope.SHARED
    bounded: bool = False
    stamped: bool = True

    @overload
    def __init__(
        self: "MqttSource[MqttMessage[Any]]",
        url: str,
        *topics: str,
        client_id: str,
        messages: Literal[True],
        format: ValueFormat = "json",
        record: Any = None,
        **options: Unpack[MqttOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "MqttSource[str]",
        url: str,
        *topics: str,
        client_id: str,
        format: Literal["text"],
        **options: Unpack[MqttOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "MqttSource[T]",
        url: str,
        *topics: str,
        client_id: str,
        record: type[T],
        format: ValueFormat = "json",
        **options: Unpack[MqttOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: "MqttSource[Any]",
        url: str,
        *topics: str,
        client_id: str,
        record: Any = None,
        format: ValueFormat = "json",
        **options: Unpack[MqttOptions],
    ) -> None: ...
    def __init__(
        self,
        url: str,
        *topics: str,
        client_id: str,
        format: ValueFormat = "json",
        record: Any = None,
        messages: bool = False,
        clients: int = 1,
        share: str | None = None,
        retained: Literal["read", "ignore"] = "read",
        expiry_s: int = EXPIRY_S,
        id_property: str | None = None,
        password_file: str | None = None,
        ca_file: str | None = None,
        on_error: OnError = "stop",
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        broker = Broker(url, password_file, ca_file)
        broker.check(NAME)
        policy_of(on_error)
        for topic in topics:
            check_filter(topic)
        if not topics:
            raise ApplicationError(f"{NAME}: expected at least one topic")
        if not client_id:
            raise ApplicationError(f"{NAME}: client_id= is empty: the broker could keep no session")
        if retained not in ("read", "ignore"):
            raise ApplicationError(f"{NAME}: retained={retained!r}: expected 'read' or 'ignore'")
        if share is None and clients > 1:
            share = client_id
        if share is not None and (not share or any(each in share for each in "/+#")):
            raise ApplicationError(
                f"{NAME}: share={share!r}: expected a name without /, + and # (default: client_id)"
            )
        for name, number, most in (
            ("clients", clients, 1024), ("expiry_s", expiry_s, 0xFFFF_FFFF),
            ("journal_bytes_max", journal_bytes_max, 1 << 60),
        ):  # fmt: skip
            if not 1 <= number <= most:
                raise ApplicationError(f"{NAME}: {name}={number}: expected 1 to {most:,}")
        self.__attrs_init__(
            broker,
            topics,
            client_id,
            format=format,
            value=record_of(NAME, format, record),
            messages=messages,
            clients=clients,
            share=share,
            retained=retained == "read",
            expiry_s=expiry_s,
            id_property=id_property,
            on_error=on_error,
            journal_bytes_max=journal_bytes_max,
        )

    @property
    def record(self) -> Any:
        """The type of the records."""
        return MqttMessage if self.messages else self.value

    verify = staticmethod(check_journals)

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`: the clients."""
        return tuple(f"client-{number}" for number in range(self.clients))

    def stays(self, partition: str) -> bool:  # noqa: ARG002
        """See `Source`: its journal is on the disk of its worker."""
        return True

    def journal(self, partition: str) -> str:
        """See `Journalled.journal`."""
        return directory_of(partition)

    check_moved = staticmethod(check_journal_at)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    def _subscription(self, client_id: str, message_bytes_max: int) -> Subscription:
        prefix = "" if self.share is None else f"$share/{self.share}/"
        return Subscription(
            tuple(prefix + each for each in self.topics),
            client_id,
            self.expiry_s,
            retained=self.retained,
            id_property=self.id_property,
            message_bytes_max=message_bytes_max,
        )

    async def check_connected(self) -> None:
        """Raises WallaroodError: the broker cannot be used. Changes nothing there.

        It subscribes as another client, which the broker forgets at once.
        """
        client_id = f"wallarood-check-{uuid4().hex[:12]}"
        async with session(self.broker, Wanted(client_id)) as opened:
            await attrs.evolve(self._subscription(client_id, 0), retained=False).make(opened)

    async def open(
        self, partition: str, position: Any, context: SourceContext
    ) -> SourceReader[T_co]:
        """See `Source.open`. A position is the number of a journal entry.

        Raises CannotCreateError: the journal cannot be written. Raises DamagedStateError: it is
        damaged, or does not reach back to *position*.
        """
        number = partition.removeprefix("client-")
        client_id = self.client_id if self.clients == 1 else f"{self.client_id}-{number}"
        form = ValueForm(decoder_of(self.format, self.value), str(self.broker))
        subscription = self._subscription(client_id, context.limits.record_bytes_max)
        topics = Topics(self.broker, subscription, form, messages=self.messages)
        intake = await open_intake(
            context,
            position,
            topics.again,
            name=partition,
            bytes_max=self.journal_bytes_max,
            repeats_max=NAMES_MAX if self.id_property else 0,
            policy=policy_of(self.on_error),
        )
        intake.start(topics.follow, f"source {context.step!r}: MQTT")
        return intake


def check_filter(topic: Any) -> None:
    """Raises ApplicationError: it is no topic filter."""
    levels = topic.split("/") if isinstance(topic, str) else []
    wrong = (
        not topic
        or not levels
        or any(("+" in each and each != "+") or ("#" in each and each != "#") for each in levels)
        or "#" in levels[:-1]
        or levels[0] == "$share"
        or "\0" in topic
    )
    if wrong:
        raise ApplicationError(
            f"{NAME}: {topic!r} is no topic filter: expected levels with / between, + for any one "
            "level, # at the end for all that follow"
        )
