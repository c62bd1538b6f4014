"""Redis, as Debian has it, with every write on disk before it is answered."""

import contextlib
import socket
from pathlib import Path
from typing import Any

import hiredis

from support.ports import free_port
from support.servers.certificates import Certificate
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


def use_certificate(server: Server, certificate: Certificate) -> str:
    """Let it serve by TLS, too; returns where."""
    port = int(ask(server, "CONFIG", "GET", "tls-port")[1])
    files = ("tls-cert-file", str(certificate.chain), "tls-key-file", str(certificate.key))
    ask(server, "CONFIG", "SET", "tls-auth-clients", "no", *files)
    if not port:
        port = free_port()
        ask(server, "CONFIG", "SET", "tls-port", port)
    return f"rediss://127.0.0.1:{port}/0"


def url(server: Server) -> str:
    """Where the database 0 is."""
    return f"redis://{server.address}/0"


def ask(server: Server, *words: str | bytes | int) -> Any:
    """The reply to one command."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(hiredis.pack_command(words))
        reader = hiredis.Reader()
        while (reply := reader.gets()) is False:
            said = connection.recv(1 << 20)
            assert said, f"{server.name} has closed the connection"
            reader.feed(said)
    assert not isinstance(reply, hiredis.ReplyError), reply
    return reply


def _loaded(port: int) -> bool:
    """Whether it answers, and has read what it had written."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"PING\r\n")
        return connection.recv(100).startswith(b"+PONG")
    return False
