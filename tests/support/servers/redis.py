"""Redis, as Debian has it, with every write on disk before it is answered."""

import contextlib
import socket
from pathlib import Path

from support.servers.process import Server, no_program


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    return no_program("redis-server")


def server(directory: Path, port: int, *options: str) -> Server:
    """A server that is not yet started."""
    command = [
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", "", *options),
    ]
    return Server("redis", command, directory, port, lambda: _loaded(port))


def _loaded(port: int) -> bool:
    """Whether it answers, and has read what it had written."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"PING\r\n")
        return connection.recv(100).startswith(b"+PONG")
    return False
