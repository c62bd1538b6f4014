"""An at-least-once sink: lines, and a server that was away."""

import socket
import struct
from pathlib import Path

import pytest
import trio
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext


async def test_at_least_once_sends_lines_and_comes_back_to_a_server_that_was_away(
    sink_context: SinkContext,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        writer = await w.TcpSink(f"127.0.0.1:{port}", format="tsv", delivery="at-least-once").open(
            sink_context, None
        )
        await writer.write([("a", 1), ("b", 2)])
        first, _ = server.accept()
        with first:
            assert first.recv(100) == b"a\t1\nb\t2\n"
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with patiently(10):
            while True:
                await writer.write([("c", 3)])
                server.setblocking(False)
                try:
                    second, _ = server.accept()
                    break
                except BlockingIOError:
                    await trio.lowlevel.checkpoint()
        with second:
            second.settimeout(30)
            assert second.recv(100).startswith(b"c\t3\n")
        await writer.aclose()


@pytest.fixture
def sink_context(tmp_path: Path) -> SinkContext:
    """Where a sink runs that keeps its frames below the test's directory."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))
