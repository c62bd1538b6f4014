"""Servers that tests of connectors start."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from wallarood.testing.connectors import ServerProcess


def ledger_server(directory: Path, port: int, password: str = "") -> ServerProcess:
    """A ledger in *directory*."""
    where = Path(__file__).parents[1]
    command = [
        *("/usr/bin/env", f"PYTHONPATH={where}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"),
        *(sys.executable, "-m", "support.ledger", str(directory / "ledger"), str(port), password),
    ]
    return ServerProcess(
        command, lambda: read_ledger(port, password) is not None, directory / "ledger.log"
    )


def read_ledger(port: int, password: str = "", *, answer_s: float = 5) -> list[Any]:
    """All records of a ledger."""
    with socket.create_connection(("127.0.0.1", port), timeout=answer_s) as stream:
        for request in ({"password": password}, {"read": True}):
            stream.sendall(json.dumps(request).encode() + b"\n")
        with stream.makefile("rb") as lines:
            found = json.loads(lines.readline())
    return list(found["records"])
