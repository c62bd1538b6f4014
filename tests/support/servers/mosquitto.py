"""Mosquitto, as Debian has it: a broker of MQTT."""

import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.servers.certificates import Certificate
from support.servers.process import Server, answers, no_program

USER, PASSWORD = "guarded", "open sesame"


def missing() -> str:
    """Why there can be no broker here; empty if there can."""
    return no_program("mosquitto")


def broker(directory: Path, port: int) -> Server:
    """A broker that is not yet started; its sessions and kept messages are on disk.

    Anybody may use it; with `guarded`, only the user USER.
    """
    guarded = free_port()
    (directory / "guarded").write_text(str(guarded))
    passwords = directory / "passwords"
    make = ["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD]
    subprocess.run(make, check=True, capture_output=True)
    acl = directory / "acl"
    acl.write_text(f"topic readwrite #\nuser {USER}\ntopic readwrite allowed/#\n")
    file = directory / "mosquitto.conf"
    file.write_text(
        f"per_listener_settings true\nuser root\nlistener {port} 127.0.0.1\n"
        "allow_anonymous true\n"
        f"persistence true\npersistence_location {directory}/\nautosave_interval 1\n"
        "autosave_on_changes true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        f"listener {guarded} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"acl_file {acl}\n"
    )
    command = ["mosquitto", "-c", str(file)]
    return Server("mosquitto", command, directory, port, lambda: answers(port))


def secured(directory: Path, port: int, certificate: Certificate) -> Server:
    """A broker that speaks TLS only, for the user USER; `lax` is a port for anybody in clear."""
    lax = free_port()
    (directory / "lax").write_text(str(lax))
    passwords = directory / "passwords"
    make = ["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD]
    subprocess.run(make, check=True, capture_output=True)
    file = directory / "mosquitto.conf"
    file.write_text(
        f"per_listener_settings true\nuser root\nlistener {port} 127.0.0.1\n"
        f"certfile {certificate.chain}\nkeyfile {certificate.key}\n"
        f"allow_anonymous false\npassword_file {passwords}\n"
        f"listener {lax} 127.0.0.1\nallow_anonymous true\n"
        "max_queued_messages 0\nmax_inflight_messages 0\n"
    )
    command = ["mosquitto", "-c", str(file)]
    return Server("mosquitto", command, directory, port, lambda: answers(port))


def lax_port(server: Server) -> int:
    """The port in clear of a broker that is `secured`."""
    return int((server.directory / "lax").read_text())


def guarded_port(server: Server) -> int:
    """The port where a password is wanted."""
    return int((server.directory / "guarded").read_text())


class Publisher:
    """A client of a test, for a `with` statement: publishes with QoS 1, and waits.

    With *kept* the broker keeps its session.
    """

    def __init__(
        self, server: Server, *, kept: bool = False, port: int = 0, **options: Any
    ) -> None:
        import paho.mqtt.client as paho  # noqa: PLC0415 - an extra
        from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415
        from paho.mqtt.properties import Properties  # noqa: PLC0415

        self.subscribed = threading.Event()
        self.client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, **options
        )
        self.client.max_inflight_messages_set(0)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600 if kept else 0
        self.client.connect(
            "127.0.0.1", port or server.port, clean_start=not kept, properties=properties
        )

    def __enter__(self) -> "Publisher":
        self.client.loop_start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, topic: str) -> None:
        """Return when the broker has confirmed it."""
        self.client.subscribe(topic, qos=1)
        assert self.subscribed.wait(20)

    def publish(self, topic: str, payloads: Iterable[bytes], **options: Any) -> None:
        """Return when the broker has acknowledged all."""
        found = [self.client.publish(topic, each, qos=1, **options) for each in payloads]
        for each in found:
            each.wait_for_publish(30)

    def publish_named(self, topic: str, payloads: Iterable[bytes], names: Iterable[str]) -> None:
        """The same, each with a name as the user property "id"."""
        from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415
        from paho.mqtt.properties import Properties  # noqa: PLC0415

        found = []
        for payload, name in zip(payloads, names, strict=True):
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = ("id", name)
            found.append(self.client.publish(topic, payload, qos=1, properties=properties))
        for each in found:
            each.wait_for_publish(30)
