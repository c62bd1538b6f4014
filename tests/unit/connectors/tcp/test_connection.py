"""Receivers that answer too much, or nonsense."""

import socket
import struct
import threading
from pathlib import Path

import pytest
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.connectors.framing import (
    Answer,
    frame,
    sequence_of,
    take_frames,
)


@pytest.fixture
def sink_context(tmp_path: Path) -> SinkContext:
    """Where a sink runs that keeps its frames below the test's directory."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))


async def test_a_receiver_that_acknowledges_every_record_at_once_is_listened_to_while_sending(
    sink_context: SinkContext,
) -> None:
    """It says more than buffers hold: both would wait for the other to read, did the sink not."""
    count = 4_000
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            connection.settimeout(20)
            with connection:
                buffer, greeted, last = bytearray(), False, 0
                while last < count:
                    buffer += connection.recv(1 << 16)
                    for each in take_frames(buffer, 9000):
                        if greeted:
                            last = sequence_of(each)
                            long = b'{"ack":%d%s}' % (last, b" " * 8000)
                            connection.sendall(struct.pack(">I", len(long)) + long)
                        else:
                            greeted = True
                            connection.sendall(frame(Answer(next=1)))

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        sink = w.TcpSink(f"127.0.0.1:{server.getsockname()[1]}")
        writer = await sink.open(sink_context, None)
        await writer.write(["x" * 8000] * count)
        prepared = await writer.prepare()
        with patiently(10):
            await writer.commit(prepared)
        await writer.aclose()
        thread.join(5)


@pytest.mark.parametrize(
    "nonsense",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x02{]", frame(Answer(error="not now")), b""],
    ids=["another protocol", "no JSON", "an error", "closed"],
)
async def test_a_receiver_that_talks_nonsense_is_tried_anew(
    nonsense: bytes, sink_context: SinkContext
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(nonsense)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                connection.recv(1000)
                connection.sendall(frame(Answer(next=1)))
                connection.recv(1000)
                connection.sendall(frame(Answer(ack=1)))
                connection.recv(1000)

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        writer = await w.TcpSink(address).open(sink_context, None)
        await writer.write(["a"])
        prepared = await writer.prepare()
        with patiently(10):
            with pytest.raises(w.WallaroodError, match=f"receiver {address}"):
                await writer.commit(prepared)
            await writer.commit(prepared)
        await writer.aclose()
        thread.join(5)
