"""MQTT: named messages are counted into a topic, whose subscriber tells repeats by their names.

A subscriber may be sent a message again, with the name that it had: nothing else may come twice.
The broker is not killed: it acknowledges what it writes to disk a second later. A checkpoint cannot
be put back: what was acknowledged does not come again.
"""

import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec

from support.servers import mosquitto as mosquittos
from support.servers.mosquitto import Publisher
from support.servers.process import Server
from support.systems.system import PARTS, Counts, Entry, Trial

Message = tuple[str, bytes]
"""Name and payload."""


@attrs.define(eq=False)
class Heard:
    """What a subscriber was sent: each message once, by its name; and how often again."""

    messages: dict[str, bytes] = attrs.field(factory=dict)
    again: int = 0
    wrong: list[Message] = attrs.field(factory=list)
    """Came a second time, and was another one."""

    def take(self, _client: Any, _userdata: Any, message: Any) -> None:
        """Called in the thread of the client."""
        properties = dict(getattr(message.properties, "UserProperty", ()))
        name, payload = properties.get("message-id", ""), bytes(message.payload)
        if name not in self.messages:
            self.messages[name] = payload
            return
        self.again += 1
        if self.messages[name] != payload:
            self.wrong.append((name, payload))


@attrs.define(eq=False)
class Mqtt:
    """See `System`. All parts are below one topic, which is one session."""

    server: Server
    directory: Path
    name: str
    parts: int = PARTS
    fed_by_server: bool = True
    heard: Heard = attrs.field(factory=Heard, init=False)
    _fed: int = 0
    _subscriber: Any = attrs.field(default=None, init=False)

    @property
    def _url(self) -> str:
        return f"mqtt://{self.server.address}"

    @property
    def source(self) -> str:
        """See `System`."""
        where = f'"{self._url}", "{self.name}/in/+", client_id="{self.name}-in"'
        return f'w.MqttSource({where}, format="text", id_property="id")'

    def sink(self, options: str = "") -> str:
        """See `System`."""
        return f'w.MqttSink("{self._url}", "{self.name}/out", {options})'

    def begin(self) -> None:
        """See `System`: sessions are there before anything is published."""
        with Publisher(self.server, client_id=f"{self.name}-in", kept=True) as first:
            first.subscribe(f"{self.name}/in/+")
        ready = threading.Event()
        self._subscriber = Publisher(self.server, client_id=f"{self.name}-out", kept=True)
        client = self._subscriber.client
        client.on_message = self.heard.take
        client.on_connect = lambda *_: client.subscribe(f"{self.name}/out", qos=1)
        client.on_subscribe = lambda *_: ready.set()
        client.reconnect_delay_set(0.05, 0.2)
        client.loop_start()
        assert ready.wait(20)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `System`."""
        with Publisher(self.server) as publisher:
            for part, some in words.items():
                names = [f"{part}-{self._fed + number}" for number in range(len(some))]
                payloads = [word.encode() for word in some]
                publisher.publish_named(f"{self.name}/in/{part}", payloads, names)
        self._fed += max(map(len, words.values()))

    def counts(self) -> Counts:
        """See `System`."""
        assert not self.heard.wrong, self.heard.wrong[:3]
        assert "" not in self.heard.messages, "a message came without a name"
        found = list(self.heard.messages.values())
        return [(word, count) for word, count in map(msgspec.json.decode, found)]

    @property
    def told(self) -> str:
        """See `System`."""
        return f"{self.heard.again:,} messages came again, each with its name"

    def leave(self) -> None:
        """See `System`: in an orderly way, so that the broker has on disk what it acknowledged."""
        assert self.server.process is not None
        self.server.signal(signal.SIGTERM)
        self.server.process.wait(30)

    def end(self) -> None:
        """See `System`."""
        self._subscriber.client.disconnect()
        self._subscriber.client.loop_stop()


MQTT = Entry(
    mosquittos.missing,
    mosquittos.broker,
    Mqtt,
    fixture="mosquitto",
    grows=False,
    is_durable=False,
    by_hand=frozenset({Trial.AWAY, Trial.STOPPED, Trial.PUT_BACK}),
)
