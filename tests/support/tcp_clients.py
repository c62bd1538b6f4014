"""Open TCP sources, and clients of them that are written by hand."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from support.patience import patiently
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.framing import (
    Answer,
    Hello,
    answer_decoder,
    frame,
    record_frame,
    take_frames,
)
from wallarood.connectors.tcp.reader import TcpReader

LIMITS = SourceLimits(batch_records_max=10, record_bytes_max=1000)


def framed(*payloads: bytes, client: str = "c", first: int = 1) -> bytes:
    """A hello, and records with their numbers."""
    records = [record_frame(number, each) for number, each in enumerate(payloads, first)]
    return frame(Hello(1, client)) + b"".join(records)


def more(first: int, *payloads: bytes) -> bytes:
    """Records with their numbers."""
    return b"".join(record_frame(number, each) for number, each in enumerate(payloads, first))


async def opened(
    source: Any, where: SourceContext, stack: ExitStack, position: int | None = None
) -> TcpReader:
    """An open source, which is closed with *stack*."""
    reader: TcpReader = await source.open("in", position, where)
    stack.callback(reader.clients.close)
    return reader


def client_of(reader: TcpReader, stack: ExitStack) -> socket.socket:
    """A connection to it."""
    address = reader.clients.address
    one = stack.enter_context(socket.create_connection((address.host, address.port)))
    one.settimeout(30)
    return one


def answers_of(client: socket.socket, until: Callable[[Answer], bool]) -> list[Answer]:
    """What the server says, until it says something wanted."""
    buffer = bytearray()
    found: list[Answer] = []
    while not any(map(until, found)):
        data = client.recv(1000)
        assert data, f"closed after {found}"
        buffer += data
        found += [answer_decoder.decode(each) for each in take_frames(buffer, 10_000)]
    return found


async def records_of(reader: TcpReader, count: int) -> list[Any]:
    """At least so many records, as they come."""
    found: list[Any] = []
    with patiently(10):
        while len(found) < count:
            batch = await reader.read()
            assert batch.records or batch.unreadable
            assert len(batch.records) <= LIMITS.batch_records_max
            found += batch.records
    return found
