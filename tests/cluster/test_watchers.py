"""Pages that are opened, left and stalled, and scrapers that come and go, leave nothing behind."""

import contextlib
import http.client
import socket
from pathlib import Path

from support.harness import WorkerProcess, hosts_in, wait_for
from support.ports import free_port

from wallarood.admin.web.listen import CONNECTIONS_MAX
from wallarood.admin.web.routes import EVENT_STREAMS_MAX

GROWTH_BYTES_MAX = 8 << 20
EVENTS = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connected(port: int, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(sent)
    return connection


def come_and_go(port: int, times: int) -> None:
    """Open pages and scrapers, read a part of what they are told, and leave without a word."""
    for number in range(times):
        connection = connected(port, SCRAPE if number % 2 else EVENTS)
        with contextlib.suppress(OSError):  # it is refused where there are as many as may be
            connection.recv(1000)
        connection.close()


def is_well(port: int) -> bool:
    with contextlib.suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/healthz")
        answer = connection.getresponse().status
        connection.close()
        return answer == 200
    return False


def memory_of(worker: WorkerProcess) -> int:
    pages = Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_memory_is_bounded_whatever_clients_do(tmp_path: Path, endless: str) -> None:
    port = free_port()
    with hosts_in(tmp_path) as hosts, contextlib.ExitStack() as stalled:
        worker = hosts.start("alpha", endless, "--admin-http", f"127.0.0.1:{port}")
        wait_for("it runs", lambda: worker.phase() == "running")
        come_and_go(port, 200)
        before = memory_of(worker)
        for _ in range(2 * EVENT_STREAMS_MAX):  # and never read
            stalled.enter_context(connected(port, EVENTS))
        come_and_go(port, 400)
        assert memory_of(worker) - before < GROWTH_BYTES_MAX
        for _ in range(CONNECTIONS_MAX):
            stalled.enter_context(connected(port, b"GET /metrics HTTP/1.1\r\n"))
        wait_for("it answers again", lambda: is_well(port))
        assert memory_of(worker) - before < GROWTH_BYTES_MAX
        assert worker.told().job.value == "running"
        assert "Traceback" not in worker.said
