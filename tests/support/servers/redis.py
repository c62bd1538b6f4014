"""Redis, as Debian has it, with every write on disk before it is answered."""

from pathlib import Path

from support.servers.process import Server, answers, no_program


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    return no_program("redis-server")


def server(directory: Path, port: int, *options: str) -> Server:
    """A server that is not yet started."""
    command = [
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "always", "--save", "", *options),
    ]
    return Server("redis", command, directory, port, lambda: answers(port))
