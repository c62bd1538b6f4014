"""Mosquitto, as Debian has it: a broker of MQTT."""

from pathlib import Path

from support.servers.process import Server, answers, no_program


def missing() -> str:
    """Why there can be no broker here; empty if there can."""
    return no_program("mosquitto")


def broker(directory: Path, port: int) -> Server:
    """A broker that is not yet started; its sessions and kept messages are on disk."""
    file = directory / "mosquitto.conf"
    file.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"persistence true\npersistence_location {directory}/\nautosave_interval 1\n"
    )
    command = ["mosquitto", "-c", str(file)]
    return Server("mosquitto", command, directory, port, lambda: answers(port))
