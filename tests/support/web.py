"""Requests of HTTP, as clients of a test send them: well, slowly, or badly."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import trio


@attrs.frozen
class Said:
    """An answer."""

    code: int
    body: bytes
    headers: Mapping[str, str]


def post(port: int, body: bytes, path: str = "/", **options: Any) -> Said:
    """Send a request on a connection of its own; *options* are its headers, `method` and `tls`."""
    tls: ssl.SSLContext | None = options.pop("tls", None)
    method = options.pop("method", "POST")
    headers = {name.replace("_", "-"): value for name, value in options.items()}
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=tls)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Said(answer.status, answer.read(), dict(answer.getheaders()))
    finally:
        connection.close()


async def posted(port: int, body: bytes, path: str = "/", **options: Any) -> Said:
    """The same in a thread."""
    return await trio.to_thread.run_sync(lambda: post(port, body, path, **options))


def exchanged(port: int, sent: bytes) -> bytes:
    """All that is said to these bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        said = b""
        while data := connection.recv(65536):
            said += data
        return said


def first_event(path: Path) -> Any:
    """The first server-sent event that the admin socket *path* gives, as a page gets it."""
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/api/v1/events")
        answer = connection.getresponse()
        while not (line := answer.readline()).startswith(b"data: "):
            assert line, "the events have ended"
        return json.loads(line[6:])
    finally:
        connection.close()
