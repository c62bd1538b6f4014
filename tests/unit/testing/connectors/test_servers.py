"""A server of a test: started when it is ready, stopped for a while, killed, never left behind."""

import sys
from pathlib import Path

import pytest
from support.ledger_server import ledger_server, read_ledger
from support.ports import free_port

from wallarood.testing.connectors import ServerProcess


def test_it_is_ready_when_it_is_started_and_keeps_its_data(tmp_path: Path) -> None:
    port = free_port()
    with ledger_server(tmp_path, port) as server:
        for _ in range(2):
            assert read_ledger(port) == []
            server.kill()
            with pytest.raises(ConnectionRefusedError):
                read_ledger(port)
            server.start()
        server.pause()
        with pytest.raises(TimeoutError):
            read_ledger(port, answer_s=0.5)
        server.resume()
        assert read_ledger(port) == []
    with pytest.raises(ConnectionRefusedError):
        read_ledger(port)


def test_one_that_ends_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    server = ServerProcess(command, ready=lambda: False, log=tmp_path / "log")
    with pytest.raises(AssertionError, match="is not ready; it said:\nno such option"):
        server.start()
